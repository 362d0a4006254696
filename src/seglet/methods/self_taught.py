"""What tags teach masks, and what refined masks teach themselves: the objective of SSSS, for any method that has tags.

Axes: b images, k classes with the background first, h rows, w columns, n = k - 1 classes that a tag can name.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.labels.cam.pseudo_masks import balanced_target, confident_masks
from seglet.labels.refine.pixel_adaptive import pamr
from seglet.losses.task import mask_loss
from seglet.models.multiscale import remove_absent_classes
from seglet.tensors import resize_align_corners
from seglet.types import IGNORE, Progress, Target, option


@dataclass(frozen=True)
class SelfTaughtConfig:
    """The keys of the loss of the tags, and of that of the masks, which begins later."""

    focal_power: float = option(3.0, "p: how soon a growing mask is forgiven for being small; SSSS code")
    focal_floor: float = option(0.01, "λ: the penalty of an empty mask is its logarithm; SSSS code, 0.3 in DGKD-WLSS")
    mask_weight: float = option(1.0, "of the loss against the refined masks; SSSS code; 0 learns from tags alone")
    mask_start: float = option(0.2, "share of training before it begins; SSSS code: 5 of 24 epochs, DGKD-WLSS: 0.2")
    refine_steps: int = option(10, "steps of PAMR that make the refined masks; SSSS code; 0 leaves masks as they are")
    foreground: float = option(0.6, "share of its maximum that a class must exceed to be a label; SSSS code")
    background: float = option(0.7, "the same for the background; SSSS code")
    least: float = option(0.2, "floor of what must be exceeded; SSSS code")

    def __post_init__(self) -> None:
        for name in ("mask_start", "foreground", "background", "least"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        for name in ("mask_weight", "refine_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if self.focal_floor <= 0:
            raise ValueError(f"focal_floor: expected above 0, got {self.focal_floor}")


def begun(config: SelfTaughtConfig, progress: Progress) -> bool:
    """Whether masks are taught at this step."""
    return config.mask_weight > 0 and progress.fraction >= config.mask_start


@torch.no_grad()
def refined(
    config: SelfTaughtConfig,
    masks: Float[Tensor, "b k _ _"],
    images: Float[Tensor, "b 3 h w"],
    tags: Float[Tensor, "b n"],
) -> Target:
    """What these masks become after PAMR, where they are confident; IGNORE elsewhere (SSSS, Sec. 4.3)."""
    size = images.shape[-2:]
    if config.refine_steps:
        masks = pamr(masks, resize_align_corners(images, masks.shape[-2:]), steps=config.refine_steps)
    masks = remove_absent_classes(resize_align_corners(masks, size), tags.to(masks))
    return balanced_target(confident_masks(masks, config.foreground, config.background, config.least), tags)


def mask_terms(logits: Float[Tensor, "b k _ _"], target: Target) -> dict[str, Float[Tensor, ""]]:
    """The loss against refined masks, and `confident`: the share of pixels that became labels."""
    return {"masks": mask_loss(logits, target).mean(), "confident": (target.labels != IGNORE).float().mean()}
