"""Class maps of networks that learned from tags, averaged over several views of an image as their papers do.

Axes: b images, k classes with the background first, h rows, w columns, n = k - 1 classes that a tag can name.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from seglet.models.heads.cam import cam_masks, mean_scores
from seglet.models.multiscale import Masks, MultiScale, Reading, predict_masks

LEARNED_FROM_TAGS = ("ssss", "cam")
"""Heads trained on tags alone: their logits become masks once classes absent from the image are ruled out."""

CAM_BACKGROUND = 0.1
"""Share of a class's highest activation above which a pixel is an object; SSSS, code of the CAM baseline."""


def cam_reading(background: float = CAM_BACKGROUND) -> Reading:
    """Returns how a CAM head's logits are read: masks are activation maps beside a constant background.

    A class's presence is its mean activation.
    """

    def read(logits: Float[Tensor, "b k _ _"], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        activations = logits.float()
        return cam_masks(activations[:, 1:], size, background), mean_scores(activations).sigmoid()

    return read


def class_maps(
    head: str,
    network: Callable[[Tensor], Tensor],
    images: Float[Tensor, "b planes h w"],
    options: MultiScale,
    tags: Float[Tensor, "b n"] | None = None,
    background: float = CAM_BACKGROUND,
) -> Masks:
    """Returns masks averaged over all views, at image size, with absent classes removed; see `predict_masks`.

    Args:
        head: one of `TAUGHT_BY_TAGS`.
        network: from images to logits at its own resolution.
        background: of a CAM, in [0, 1]; `options.background_power` raises it to a power.

    Raises:
        ValueError: another head.
    """
    if head not in LEARNED_FROM_TAGS:
        raise ValueError(f"expected a head that learned from tags ({', '.join(LEARNED_FROM_TAGS)}), got {head!r}")
    reading = cam_reading(background) if head == "cam" else None
    return predict_masks(network, images, options, tags, reading)
