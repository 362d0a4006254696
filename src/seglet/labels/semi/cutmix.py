"""CutMix: a box of another image is pasted, together with its labels and features.

Axes: b images, c channels, h rows, w columns, l tokens, d their width.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Integer, Shaped
from torch import Tensor

from seglet.tensors import nearest_align_corners
from seglet.types import Record

_TRIES = 1000
"""Number of draws after which an image gets no box because none fits; usually a few are enough."""


@dataclass(frozen=True)
class CutMixOptions:
    """Distribution of boxes: their probability per image, area as a share of the image, and least height / width.

    The largest height / width is 1 / `aspect`. Source: UniMatch, obtain_cutmix_box, its defaults.
    """

    chance: float = 0.5
    area: tuple[float, float] = (0.02, 0.4)
    aspect: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.chance <= 1:
            raise ValueError(f"expected a chance of boxes from 0 to 1, got {self.chance}")
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise ValueError(f"expected areas 0 < least <= largest <= 1, got {self.area}")
        if not 0 < self.aspect <= 1:
            raise ValueError(f"expected a least aspect above 0 and up to 1, got {self.aspect}")


def draw_cutmix_boxes(
    count: int, size: tuple[int, int], how: CutMixOptions, generator: torch.Generator
) -> Integer[Tensor, "b 4"]:
    """Draws top, left, height and width of a box in pixels for each of `count` images of `size`; zeros are no box.

    The generator must be on the CPU, and so is the result.
    """
    return torch.tensor([_draw_box(size, how, generator) for _ in range(count)], dtype=torch.long).view(count, 4)


def _draw_box(size: tuple[int, int], how: CutMixOptions, generator: torch.Generator) -> tuple[int, int, int, int]:
    if float(torch.rand((), generator=generator)) >= how.chance:
        return 0, 0, 0, 0
    share = how.area[0] + _uniform(generator) * (how.area[1] - how.area[0])
    return first_fitting_box(size, share, _ratios_and_corners(size, how, generator))


def _ratios_and_corners(
    size: tuple[int, int], how: CutMixOptions, generator: torch.Generator
) -> Iterator[tuple[float, tuple[int, int]]]:
    """Draws height / width and the upper left corner, again and again."""
    for _ in range(_TRIES):
        aspect, top, left = (_uniform(generator) for _ in range(3))
        yield how.aspect + aspect * (1 / how.aspect - how.aspect), (int(top * size[0]), int(left * size[1]))


def _uniform(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator, dtype=torch.float64))


def first_fitting_box(
    size: tuple[int, int], share: float, draws: Iterable[tuple[float, tuple[int, int]]]
) -> tuple[int, int, int, int]:
    """Returns top, left, height and width of the first box that fits, of `share` of the image; zeros if none does.

    The area stays and only height / width and the upper left corner are drawn again: were the area drawn again too,
    large boxes, which seldom fit, would become rare, and the mean area .14 of an image instead of .21.

    Source: UniMatch, as golden cutmix (geom) describes it.
    """
    for ratio, corner in draws:
        sides = box_sides(size, share, ratio)
        if box_fits(corner, sides, size):
            return *corner, *sides
    return 0, 0, 0, 0


def box_sides(size: tuple[int, int], share: float, ratio: float) -> tuple[int, int]:
    """Computes height and width, rounded down, of a box with this share of the image and height / width = `ratio`."""
    area = share * size[0] * size[1]
    return int((area * ratio) ** 0.5), int((area / ratio) ** 0.5)


def box_fits(corner: tuple[int, int], sides: tuple[int, int], size: tuple[int, int]) -> bool:
    """Returns whether a box at (top, left) lies within the image; one that does not is drawn again, not cut."""
    return corner[0] + sides[0] <= size[0] and corner[1] + sides[1] <= size[1]


def box_mask(boxes: Integer[Tensor, "b 4"], size: tuple[int, int]) -> Bool[Tensor, "b h w"]:
    """Returns the mask of the pixels inside the boxes; False everywhere in images without a box."""
    top, left, height, width = boxes[:, :, None].unbind(1)
    rows, columns = (torch.arange(length, device=boxes.device) for length in size)
    down = (rows >= top) & (rows < top + height)
    across = (columns >= left) & (columns < left + width)
    return down[:, :, None] & across[:, None, :]


def paste_boxes(
    maps: Shaped[Tensor, "b *c h w"], partner: Shaped[Tensor, "b *c h w"], box: Bool[Tensor, "b h w"]
) -> Shaped[Tensor, "b *c h w"]:
    """Returns the maps with the partner's inside the boxes; for images, labels, confidences and features alike."""
    where = box.view(box.shape[0], *[1] * (maps.ndim - 3), *box.shape[1:])
    return torch.where(where, partner, maps)


def paste_record(own: Record, partner: Record, box: Bool[Tensor, "b y x"]) -> Record:
    """Returns the record with the partner's maps inside the boxes, each map at its own resolution."""
    return own.map(
        lambda maps, others: paste_boxes(maps, others, resize_box_mask(box, (maps.shape[-2], maps.shape[-1]))), partner
    )


def resize_box_mask(box: Bool[Tensor, "b y x"], size: tuple[int, int]) -> Bool[Tensor, "b h w"]:
    """Resizes the mask of the boxes to the resolution of a map, by nearest neighbour with aligned corners."""
    return box if box.shape[1:] == size else nearest_align_corners(box, size)


def has_box(box: Bool[Tensor, "b h w"]) -> Bool[Tensor, " b"]:
    """Returns True for images with a box, which show a part of their partner."""
    return box.flatten(1).any(1)


def join_captions(
    own: tuple[Float[Tensor, "b l d"], Bool[Tensor, "b l"]],
    partner: tuple[Float[Tensor, "b l2 d"], Bool[Tensor, "b l2"]],
    also: Bool[Tensor, " b"],
) -> tuple[Float[Tensor, "b l3 d"], Bool[Tensor, "b l3"]]:
    """Concatenates caption tokens and their masks; an image with a box (`also`) is described by both captions."""
    (tokens, counted), (more, more_counted) = own, partner
    return torch.cat((tokens, more), dim=1), torch.cat((counted, more_counted & also[:, None]), dim=1)
