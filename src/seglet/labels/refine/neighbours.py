"""Weighted sums over neighbouring pixels, the common part of PAMR and PAR.

Axes: b images, k classes, c colours, h rows, w columns, hp and wp with a border; n neighbours, r rows and q pixels of a
band, v pixels that it reads, m = q·n.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int32
from torch import Tensor

DILATIONS = (1, 2, 4, 8, 12, 24)
"""Distances of the rings of eight neighbours, in pixels; those of SSSS and AFA."""

WeighNeighbours = Callable[[Float[Tensor, "n c r w"]], Float[Tensor, "n r w"]]
"""Function from the differences in colour to the weights of the neighbours; it may overwrite its argument."""

_KEPT = 2**30
"""Bytes of weights that are kept from step to step; for larger images they are computed again in each."""

_FEW = 5
"""Number of maps up to which it is faster to add neighbours map by map than to gather them pixel by pixel."""


@torch.no_grad()
def flow_between_neighbours(
    maps: Float[Tensor, "b k h w"],
    images: Float[Tensor, "b c h w"],
    weigh: WeighNeighbours,
    dilations: tuple[int, ...],
    steps: int,
) -> Float[Tensor, "b k h w"]:
    """Replaces each pixel by the weighted sum of its neighbours, `steps` times.

    Neighbours beyond the border are the nearest pixels of the border. No tensor has 8·len(dilations) times the size of
    the maps, and weights are computed once for all classes and steps; classes that are 0 everywhere cost nothing.
    There is no gradient.

    Raises:
        ValueError: numbers of images differ; no dilation, or one below 1; steps below 0.
    """
    if len(images) != len(maps):
        raise ValueError(f"maps of {len(maps)} images for {len(images)} images; give one each")
    check_dilations(dilations)
    if steps < 0:
        raise ValueError(f"cannot take {steps} steps; give 0 or more")
    height, width = maps.shape[2:]
    grid = NeighbourGrid(height, width, dilations, band_pixels=4096 if maps.device.type == "cpu" else 65536)
    refined = torch.zeros_like(maps)
    for one, image, result in zip(maps, images, refined, strict=True):  # one at a time: weights are large
        (some,) = one.flatten(1).any(dim=1).nonzero(as_tuple=True)
        if len(some):
            result.index_copy_(0, some, _flow(one[some], image, weigh, grid, steps))
    return refined


def check_dilations(dilations: tuple[int, ...]) -> None:
    """Checks that there is at least one ring of neighbours, and that none is the pixel itself.

    Raises:
        ValueError: there is no dilation, or one below 1.
    """
    if not dilations or min(dilations) < 1:
        raise ValueError(f"dilations are whole pixels from 1 up, at least one, got {dilations}")


def check_pixels(masks: Tensor, images: Tensor) -> None:
    """Checks that masks and images have pixels.

    Raises:
        ValueError: the masks or the images have no pixels.
    """
    if not (masks.shape[2:].numel() and images.shape[2:].numel()):
        sizes = tuple(masks.shape[2:]), tuple(images.shape[2:])
        raise ValueError(f"cannot refine maps without pixels: masks of size {sizes[0]}, images of size {sizes[1]}")


def local_deviation(differences: Float[Tensor, "n c r w"], own: int = 0) -> Float[Tensor, "c r w"]:
    """Computes the unbiased standard deviation of the neighbours and of the pixel itself, counted `own` times."""
    count = len(differences) + own
    mean = differences.sum(dim=0) / count
    squares = (differences - mean).square_().sum(dim=0)
    if own:
        squares += own * mean.square()
    return squares.div_(count - 1).sqrt_()


@dataclass(frozen=True)
class NeighbourGrid:
    """Places of the neighbours of each pixel in maps that are stored pixel by pixel with a border around them.

    Pixels are visited in bands of rows that fit a cache. Relative to the rows that a band reads, the neighbours of a
    pixel have the same places in every band, so one list of places serves the whole image.
    """

    height: int
    width: int
    dilations: tuple[int, ...]
    band_pixels: int

    @property
    def border(self) -> int:
        """Width of the border in pixels."""
        return max(self.dilations)

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """Rows and columns from a pixel to its neighbours, ring by ring, each from top left to bottom right."""
        ring = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]
        return [(y * d, x * d) for d in self.dilations for y, x in ring]

    @property
    def band(self) -> int:
        """Number of rows of a band."""
        return min(self.height, max(1, self.band_pixels // self.width))

    def bands(self) -> Iterator[tuple[int, int]]:
        """Returns the first row of each band and the row after its last."""
        return ((top, min(top + self.band, self.height)) for top in range(0, self.height, self.band))

    def places(self, device: torch.device) -> Int32[Tensor, " m"]:
        """Returns the place of each neighbour of each pixel of a band, in the bordered rows that the band reads."""
        y, x = torch.tensor(self.offsets, device=device).T + self.border
        rows, columns = torch.arange(self.band, device=device), torch.arange(self.width, device=device)
        place: Tensor = (rows[:, None, None] + y) * (self.width + 2 * self.border) + columns[:, None] + x
        return place.int().flatten()


def _flow(
    maps: Float[Tensor, "k h w"], image: Float[Tensor, "c h w"], weigh: WeighNeighbours, grid: NeighbourGrid, steps: int
) -> Float[Tensor, "k h w"]:
    border = grid.border
    framed = F.pad(image[None], (border,) * 4, mode="replicate")[0]
    column = len(grid.offsets) * grid.height * maps.element_size()
    if len(maps) <= _FEW and maps.device.type == "cpu" and column * framed.shape[2] <= _KEPT:
        return _by_planes(maps, framed, weigh, grid, steps)
    places, whole = grid.places(maps.device), column * grid.width <= _KEPT
    now, following = maps.new_empty(2, grid.height + 2 * border, grid.width + 2 * border, len(maps))
    now[border:-border, border:-border] = maps.permute(1, 2, 0)
    _extend(now, border)
    kept = list(_by_pixel(framed, weigh, grid)) if whole else None
    for _ in range(steps):
        for (top, bottom), weights in zip(grid.bands(), kept or _by_pixel(framed, weigh, grid), strict=True):
            around = now[top : bottom + 2 * border].flatten(0, 1)
            inner = following[border + top : border + bottom, border:-border]
            inner.copy_(_weighted_sums(around, places[: weights.numel()], weights).view_as(inner))
        _extend(following, border)
        now, following = following, now
    planes: Tensor = now[border:-border, border:-border].permute(2, 0, 1)
    return planes.contiguous()


def _by_planes(
    maps: Float[Tensor, "k h w"],
    framed: Float[Tensor, "c hp wp"],
    weigh: WeighNeighbours,
    grid: NeighbourGrid,
    steps: int,
) -> Float[Tensor, "k h w"]:
    """Computes the same neighbour by neighbour.

    Rows lie in memory with their borders between them. A neighbour is therefore equally many places away from every
    pixel, and is added to all in one long pass; the borders, which this spoils, are written again.
    """
    border, across = grid.border, grid.width + 2 * grid.border
    weights = maps.new_zeros(len(grid.offsets), grid.height, across)
    for (top, bottom), some in zip(grid.bands(), _weights(framed, weigh, grid), strict=True):
        weights[:, top:bottom, border:-border] = some
    shares = weights.flatten(1)[:, border:-border].unbind()
    now, following = (maps.new_zeros(len(maps), grid.height + 2 * border, across) for _ in range(2))
    now[:, border:-border, border:-border] = maps
    _extend(now.permute(1, 2, 0), border)
    length, first = weights[0].numel() - 2 * border, border * across + border
    starts = [first, *(first + y * across + x for y, x in grid.offsets)]
    inside, around = ([part.flatten(1)[:, start : start + length] for start in starts] for part in (now, following))
    for _ in range(steps):
        sums = around[0].zero_()
        for neighbour, share in zip(inside[1:], shares, strict=True):
            sums.addcmul_(neighbour, share)
        _extend(following.permute(1, 2, 0), border)
        now, following, inside, around = following, now, around, inside
    return now[:, border:-border, border:-border].contiguous()


def _weighted_sums(
    around: Float[Tensor, "v k"], places: Int32[Tensor, " m"], weights: Float[Tensor, "q n"]
) -> Float[Tensor, "q k"]:
    """Computes the weighted sum of each pixel's neighbours, gathered and added in one pass without a copy of them."""
    pixels, neighbours = weights.shape
    starts = torch.arange(0, pixels * neighbours, neighbours, dtype=places.dtype, device=places.device)
    sums: Tensor = F.embedding_bag(places, around, starts, mode="sum", per_sample_weights=weights.flatten())
    return sums


def _by_pixel(
    framed: Float[Tensor, "c hp wp"], weigh: WeighNeighbours, grid: NeighbourGrid
) -> Iterator[Float[Tensor, "q n"]]:
    return (weights.flatten(1).T.contiguous() for weights in _weights(framed, weigh, grid))


def _weights(
    framed: Float[Tensor, "c hp wp"], weigh: WeighNeighbours, grid: NeighbourGrid
) -> Iterator[Float[Tensor, "n r w"]]:
    """Yields the weights of each band."""
    border, width = grid.border, grid.width
    for top, bottom in grid.bands():
        pixels = framed[:, border + top : border + bottom, border : border + width]
        differences = framed.new_empty(len(grid.offsets), *pixels.shape)
        for (y, x), difference in zip(grid.offsets, differences, strict=True):
            neighbours = framed[:, border + y + top : border + y + bottom, border + x : border + x + width]
            torch.sub(neighbours, pixels, out=difference)
        yield weigh(differences)


def _extend(framed: Float[Tensor, "hp wp k"], border: int) -> None:
    """Fills the border with the nearest pixels inside it."""
    framed[:, :border] = framed[:, border, None]
    framed[:, -border:] = framed[:, -border - 1, None]
    framed[:border] = framed[border]
    framed[-border:] = framed[-border - 1]
