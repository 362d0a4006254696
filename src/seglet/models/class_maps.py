"""Class maps of networks that learned from tags, averaged over several views of an image.

Axes: b images, k classes with the background first, f foreground classes, h rows, w columns.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from seglet.models.architecture import LEARNED_FROM_TAGS, Architecture
from seglet.models.heads.cam import cam_masks, mean_scores
from seglet.models.image_tensor import of_any_size
from seglet.models.multiscale import ClassMasks, MaskReader, MultiScaleOptions, predict_masks
from seglet.models.network import finite_logits
from seglet.types import without_background

if TYPE_CHECKING:
    from seglet.models.segmenter import Segmenter

CAM_BACKGROUND = 0.1
"""Share of a class's highest activation above which a pixel is an object; SSSS, code of the CAM baseline."""


def cam_mask_reader(background: float = CAM_BACKGROUND) -> MaskReader:
    """Returns how a CAM head's logits are read: masks are activation maps beside a constant background.

    A class's presence is its mean activation.
    """

    def read(logits: Float[Tensor, "b k _ _"], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        activations = logits.float()
        return cam_masks(without_background(activations), size, background), mean_scores(activations).sigmoid()

    return read


def class_maps(
    head: str,
    network: Callable[[Tensor], Tensor],
    images: Float[Tensor, "b planes h w"],
    options: MultiScaleOptions,
    tags: Float[Tensor, "b f"] | None = None,
    background: float = CAM_BACKGROUND,
) -> ClassMasks:
    """Returns masks averaged over all views, at image size, with absent classes removed; see `predict_masks`.

    Args:
        head: one of `LEARNED_FROM_TAGS`.
        network: from images to logits at its own resolution.
        background: of a CAM, in [0, 1]; `options.background_power` raises it to a power.

    Raises:
        ValueError: another head.
    """
    if head not in LEARNED_FROM_TAGS:
        raise ValueError(f"expected a head that learned from tags ({', '.join(LEARNED_FROM_TAGS)}), got {head!r}")
    reading = cam_mask_reader(background) if head == "cam" else None
    return predict_masks(network, images, options, tags, reading)


def segmenter_class_maps(
    segmenter: "Segmenter",
    images: Float[Tensor, "b planes h w"],
    tags: Float[Tensor, "b f"] | None = None,
    options: MultiScaleOptions | None = None,
    background: float = CAM_BACKGROUND,
) -> Float[Tensor, "b k h w"]:
    """Returns the class maps that a segmenter predicts for images of any size; see `class_maps`.

    Args:
        segmenter: one with a head of `LEARNED_FROM_TAGS`, in evaluation mode.
        options: views to average; None for those that the network is meant to be looked at with.

    Raises:
        DivergedError: logits are not finite.
    """
    head = segmenter.architecture.head
    network = of_any_size(lambda view: finite_logits(segmenter.network(view).logits))
    return class_maps(head, network, images, options or default_views(segmenter.architecture), tags, background).masks


def default_views(architecture: Architecture) -> MultiScaleOptions:
    """Returns the views that a network averages where none are given: those saved with it.

    Where it has none they are SSSS's, for a CAM without weakening the background.
    """
    usual = MultiScaleOptions(background_power=1.0) if architecture.head == "cam" else MultiScaleOptions()
    saved = {} if architecture.inference is None else architecture.inference.as_dict()
    return replace(usual, **{field.name: saved[field.name] for field in fields(usual) if field.name in saved})
