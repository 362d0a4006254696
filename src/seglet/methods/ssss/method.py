"""Single-stage segmentation from image tags (SSSS). Equation and section numbers are the paper's.

Araslanov and Roth, CVPR 2020. Axes: b images, k classes, f foreground classes, h rows, w columns.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.losses.task import multilabel_soft_margin
from seglet.methods import base
from seglet.methods.ssss.config import Config
from seglet.methods.tag_supervision import mask_loss_started, mask_terms, refined_mask_target
from seglet.methods.task_loss import TaskLoss
from seglet.models.class_scores import class_scores
from seglet.models.freezing import fix_batch_norm_statistics, freeze_pretrained
from seglet.models.heads.cam import cam_masks, mean_scores
from seglet.models.inference_defaults import InferenceDefaults
from seglet.models.layers.dropout import noise_from
from seglet.models.multiscale import MultiScaleOptions, predict_masks
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.tensors import at_least_float32
from seglet.types import (
    Classes,
    Losses,
    Progress,
    Tagged,
    Target,
    check_background_first,
    without_background,
)


class Method(base.Method[Tagged]):
    """A network that learns tags by pooling class scores under its masks, and later its own refined masks."""

    supervision = Tagged

    def __init__(self, config: Config, student: Segmenter) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.task = TaskLoss(config, student.classes)
        if config.rest:
            freeze_pretrained(student.network)

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """Builds the network of the config.

        Raises:
            ValueError: the first class is not the background, which no tag names.
        """
        check_background_first(classes)
        return cls(config, build_student(config, classes, seed))

    def train(self, mode: bool = True) -> "Method":
        super().train(mode)
        if self.config.rest:
            fix_batch_norm_statistics(self.student.network)
        return self

    def losses(self, step: Tagged, progress: Progress) -> Losses:
        """Computes the loss of tags and, after `mask_start`, of masks; `confident` is the share of labelled pixels."""
        with noise_from(self.student, progress.generator(step.images.device)):
            logits = self.student.network(step.images).logits
        tags = without_background(step.tags)
        terms = {"tags": multilabel_soft_margin(self._scores(logits), tags)}
        total = terms["tags"]
        if mask_loss_started(self.config, progress):
            terms |= mask_terms(self.task, logits, self.refined_target(logits.detach(), step.images, tags))
            total = total + self.config.mask_weight * terms["masks"]
        return Losses(total, terms)

    def _scores(self, logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b f"]:
        if self.config.scores == "mean":
            return mean_scores(logits)
        return class_scores(logits, self.config.focal_power, self.config.focal_floor)  # Eq. 1, 2

    @torch.no_grad()
    def refined_target(
        self, logits: Float[Tensor, "b k _ _"], images: Float[Tensor, "b 3 h w"], tags: Tensor
    ) -> Target:
        """Returns the target for these logits: their masks after PAMR where confident, IGNORE elsewhere (Sec. 4.3)."""
        return refined_mask_target(self.config, self._masks(logits), images, tags)

    def _masks(self, logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k h w"]:
        if self.config.scores == "mean":
            return cam_masks(without_background(logits), (logits.shape[2], logits.shape[3]))
        return at_least_float32(logits).softmax(dim=1)

    def inference_defaults(self) -> InferenceDefaults:
        if self.config.scores == "mean":
            return super().inference_defaults()  # a CAM has no paper of its own here
        return self.config.inference_defaults(self.config.least_score)

    def predict(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b k h w"]:
        """Returns log-masks averaged over scales, without classes that no scale finds (Sec. 5.1)."""
        config = self.config
        if config.scores == "mean":
            return super().predict(images)
        options = MultiScaleOptions(
            scales=config.scales,
            flip=config.mirror,
            background_power=config.background_power,
            least_score=config.least_score,
            focal_power=config.focal_power,
            focal_floor=config.focal_floor,
        )
        return predict_masks(lambda view: self.student.network(view).logits, images, options).logits()
