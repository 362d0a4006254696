"""Masks of a network that learned from tags, as its paper reads them off several views of an image.

Axes: b images, k classes with the background first, h rows, w columns, n = k - 1 classes that a tag can name.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from seglet.labels.cam.activation import cam_masks
from seglet.models.heads.cam import mean_scores
from seglet.models.multiscale import Masks, MultiScale, Reading, predict_masks

TAUGHT_BY_TAGS = ("ssss", "cam")
"""Heads whose logits are no masks yet: classes that are not in the image have to be ruled out first."""

BACKGROUND = 0.1
"""Share of a class's highest activation that an object exceeds; SSSS, code of the CAM baseline."""


def activated(background: float = BACKGROUND) -> Reading:
    """Masks are class activation maps beside a constant background, classes are scored by their mean activation."""

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
    background: float = BACKGROUND,
) -> Masks:
    """Masks of all views at image size, without classes that are absent; see `predict_masks`.

    Args:
        head: one of `TAUGHT_BY_TAGS`.
        network: from images to logits at its own resolution.
        background: of a CAM, in [0, 1]; `options.background_power` raises it to a power.

    Raises:
        ValueError: another head.
    """
    if head not in TAUGHT_BY_TAGS:
        raise ValueError(f"expected a head that learned from tags ({', '.join(TAUGHT_BY_TAGS)}), got {head!r}")
    reading = activated(background) if head == "cam" else None
    return predict_masks(network, images, options, tags, reading)
