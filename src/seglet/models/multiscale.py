"""Multi-scale prediction of networks that learned from tags, cleaned by class scores.

Axes: b images, k classes with the background first, f foreground classes, h rows, w columns.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.models.class_scores import class_scores
from seglet.tensors import resize_align_corners, resize_antialiased, resize_half_pixel
from seglet.types import without_background


@dataclass(frozen=True)
class MultiScaleOptions:
    """Options of multi-scale prediction. Defaults are SSSS's; DGKD-WLSS has scales 1, 0.5, 0.75, no mirror, power 1.

    Raises:
        ValueError: a value is out of its range.
    """

    scales: tuple[float, ...] = (1.0, 0.5, 1.5, 2.0)
    flip: bool = True
    background_power: float = 3.0
    least_score: float = 0.1
    """Probability of presence, in [0, 1], below which a class is removed."""
    focal_power: float = 3.0
    focal_floor: float = 0.01

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0:
            raise ValueError(f"expected one or more scales above 0, got {self.scales}")
        if self.background_power <= 0 or self.focal_floor <= 0:
            raise ValueError(
                f"expected `background_power` and `focal_floor` above 0, got {self.background_power} and "
                f"{self.focal_floor}"
            )


@dataclass(frozen=True)
class ClassMasks:
    """Masks that `predict_masks` returns, with presence of classes.

    Masks are in [0, 1] and sum to less than 1 where a class or the background was reduced.
    """

    masks: Float[Tensor, "b k h w"]
    presence: Float[Tensor, "b f"]
    """Probability of each class to be in the image, the highest of all views."""
    tags: Float[Tensor, "b f"]
    """1 for the classes whose masks were kept."""

    def logits(self) -> Float[Tensor, "b k h w"]:
        """Returns log-masks, which have the most probable class of the masks; removed classes are far below."""
        return self.masks.clamp_min(torch.finfo(self.masks.dtype).tiny).log()


MaskReader = Callable[[Tensor, tuple[int, int]], tuple[Tensor, Tensor]]
"""Turns logits b k h w into masks b k at a size (h, w), and a probability b n of each class."""


def softmax_masks(options: MultiScaleOptions) -> MaskReader:
    """Returns SSSS's reader: masks are the softmax, and classes are scored under their own masks."""

    def read(logits: Float[Tensor, "b k _ _"], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        presence = class_scores(logits, options.focal_power, options.focal_floor).sigmoid()
        return resize_align_corners(logits.to(presence.dtype).softmax(dim=1), size), presence

    return read


def predict_masks(
    network: Callable[[Tensor], Tensor],
    images: Float[Tensor, "b planes h w"],
    options: MultiScaleOptions | None = None,
    tags: Float[Tensor, "b f"] | None = None,
    reading: MaskReader | None = None,
) -> ClassMasks:
    """Returns masks averaged over all views, at image size, without classes that are absent.

    Evaluation mode and gradients are up to the caller.

    Args:
        network: from images to logits at its own resolution.
        tags: the classes present, where they are known; else a class is there if any view gives it `least_score`.
        reading: how logits become masks; `softmax_masks` by default.

    Source: SSSS, infer_val.py, without its padding to 1024 pixels.
    """
    options = options or MultiScaleOptions()
    reading = reading or softmax_masks(options)
    size = (images.shape[2], images.shape[3])
    total: Tensor | None = None
    presence: Tensor | None = None
    count = 0
    for view, mirrored in scaled_views(images, options):
        masks, scores = reading(network(view), (view.shape[2], view.shape[3]))
        placed = undo_view(masks, size, mirrored)
        total = placed if total is None else total + placed
        presence = scores if presence is None else presence.maximum(scores)
        count += 1
    if total is None or presence is None:
        raise ValueError("no view of the images to predict; give at least one scale")
    kept = (presence > options.least_score).to(presence.dtype) if tags is None else tags.to(presence)
    return ClassMasks(remove_absent_classes(total / count, kept, options.background_power), presence, kept)


def scaled_views(
    images: Float[Tensor, "b planes h w"], options: MultiScaleOptions
) -> Iterator[tuple[Float[Tensor, "b planes h2 w2"], bool]]:
    """Yields the images at each scale (bicubic), and whether they are mirrored."""
    height, width = images.shape[2:]
    for scale in options.scales:
        size = (max(round(height * scale), 1), max(round(width * scale), 1))
        scaled = images if size == (height, width) else resize_antialiased(images, size, "bicubic").clamp(0, 1)
        yield scaled, False
        if options.flip:
            yield scaled.flip(-1), True


def undo_view(masks: Float[Tensor, "b k _ _"], size: tuple[int, int], mirrored: bool) -> Float[Tensor, "b k h w"]:
    """Resizes the masks of a view to the image's size and undoes its mirroring."""
    placed = resize_half_pixel(masks, size)
    return placed.flip(-1) if mirrored else placed


def remove_absent_classes(
    masks: Float[Tensor, "b k h w"], tags: Float[Tensor, "b f"], background_power: float = 1.0
) -> Float[Tensor, "b k h w"]:
    """Sets masks of classes without a tag to 0 and raises the background's to a power: above 1 other classes win.

    Raises:
        ValueError: there is not one tag for each class but the background.

    Source: golden msc_merge (power 3), ssss_head (power 1).
    """
    if tags.shape[1] != masks.shape[1] - 1:
        raise ValueError(f"{masks.shape[1]} masks with the background need tags of one class less, not {tags.shape[1]}")
    return torch.cat([masks[:, :1] ** background_power, without_background(masks) * tags[:, :, None, None]], dim=1)


def weaken_background(logits: Float[Tensor, "b k h w"], background_power: float) -> Float[Tensor, "b k h w"]:
    """Returns logits whose background probability is raised to a power, for any evaluation that takes logits."""
    chances = logits.log_softmax(dim=1)
    return torch.cat([chances[:, :1] * background_power, without_background(chances)], dim=1)
