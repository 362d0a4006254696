"""Learning from tags as in SSSS, for any method with tags: a loss of class scores, then one of the refined own masks.

Axes: b images, k classes, f foreground classes, h rows, w columns.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.labels.cam.pseudo_masks import balanced_target, confident_masks
from seglet.labels.refine.pixel_adaptive import pamr
from seglet.methods.task_loss import TaskLoss
from seglet.models.inference_defaults import InferenceDefaults
from seglet.models.multiscale import remove_absent_classes
from seglet.tensors import resize_align_corners
from seglet.types import IGNORE, Progress, Target, option


@dataclass(frozen=True)
class TagSupervisionConfig:
    """Keys of the loss of the tags, and of the loss of the masks, which starts later."""

    focal_power: float = option(3.0, "p: how fast the penalty of small masks falls as a mask grows; SSSS code")
    focal_floor: float = option(0.01, "λ: the penalty of an empty mask is its logarithm; SSSS code, DGKD-WLSS: 0.3")
    mask_weight: float = option(1.0, "weight of the loss against refined masks; SSSS code; 0 uses tags alone")
    mask_start: float = option(
        0.2, "fraction of training after which this loss starts; SSSS code: 5 of 24 epochs, DGKD-WLSS: 0.2"
    )
    refine_steps: int = option(10, "steps of PAMR that refine the masks; SSSS code; 0 leaves them as they are")
    foreground: float = option(0.6, "share of its maximum above which a class becomes a label; SSSS code")
    background: float = option(0.7, "share of its maximum above which the background becomes a label; SSSS code")
    least: float = option(0.2, "least value of both thresholds; SSSS code")
    test_scales: tuple[float, ...] = option(
        (1.0, 0.5, 1.5, 2.0), "image scales of the saved segmenter, in test; SSSS code"
    )
    test_mirror: bool = option(True, "the saved segmenter also predicts the mirrored image, in test; SSSS code")
    test_background_power: float = option(
        3.0, "exponent of the background mask of the saved segmenter, in test; SSSS code"
    )

    def __post_init__(self) -> None:
        for name in ("mask_start", "foreground", "background", "least"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        for name in ("mask_weight", "refine_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        for name in ("focal_floor", "test_background_power"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: expected above 0, got {getattr(self, name)}")
        if not self.test_scales or min(self.test_scales) <= 0:
            raise ValueError(f"test_scales: expected one or more above 0, got {self.test_scales}")

    def inference_defaults(self, least_score: float) -> InferenceDefaults:
        """Returns the test protocol of a network that is trained with these keys."""
        return InferenceDefaults(
            scales=self.test_scales,
            flip=self.test_mirror,
            background_power=self.test_background_power,
            least_score=least_score,
            focal_power=self.focal_power,
            focal_floor=self.focal_floor,
        )


def mask_loss_started(config: TagSupervisionConfig, progress: Progress) -> bool:
    """Returns whether the loss of the masks is used at this step."""
    return config.mask_weight > 0 and progress.fraction >= config.mask_start


@torch.no_grad()
def refined_mask_target(
    config: TagSupervisionConfig,
    masks: Float[Tensor, "b k _ _"],
    images: Float[Tensor, "b 3 h w"],
    tags: Float[Tensor, "b f"],
) -> Target:
    """Refines masks by PAMR and keeps the confident pixels, IGNORE elsewhere (SSSS, Sec. 4.3)."""
    size = images.shape[-2:]
    if config.refine_steps:
        masks = pamr(masks, resize_align_corners(images, masks.shape[-2:]), steps=config.refine_steps)
    masks = remove_absent_classes(resize_align_corners(masks, size), tags.to(masks))
    return balanced_target(confident_masks(masks, config.foreground, config.background, config.least), tags)


def mask_terms(task: TaskLoss, logits: Float[Tensor, "b k _ _"], target: Target) -> dict[str, Float[Tensor, ""]]:
    """Computes the loss against refined masks, and `confident`, the fraction of pixels that became labels."""
    return {**task.parts("masks", logits, target), "confident": (target.labels != IGNORE).float().mean()}
