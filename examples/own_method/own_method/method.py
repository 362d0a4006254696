"""Focal loss (Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017). Equation numbers are the paper's."""

import torch
from torch import Tensor

from own_method.config import Config
from seglet.losses.task import cross_entropy
from seglet.methods import base
from seglet.models.layers.dropout import noise_from
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.tensors import pixel_cross_entropy
from seglet.types import Classes, Labelled, Losses, Progress, Target


class Method(base.Method[Labelled]):
    """A segmenter that learns most from the pixels it is least sure of."""

    supervision = Labelled  # the type of the step that losses takes
    config_class = Config

    def __init__(self, config: Config, student: Segmenter) -> None:
        super().__init__()
        self.config = config
        self.student = student

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        return cls(config, build_student(config, classes, seed))

    def losses(self, step: Labelled, progress: Progress) -> Losses:
        with noise_from(self.student, progress.generator(step.images.device)):  # dropout draws from the step's seed
            prediction = self.student.network(step.images)
        total = task = self.focal(prediction.logits, step.target)
        terms = {"task": task}
        if prediction.auxiliary is not None:  # a ResNet has a second head, which must learn too
            terms["auxiliary"] = self.focal(prediction.auxiliary, step.target)
            total = total + self.config.auxiliary_weight * terms["auxiliary"]
        return Losses(total, terms)

    def focal(self, logits: Tensor, target: Target) -> Tensor:
        probability = torch.exp(-pixel_cross_entropy(logits, target.labels))  # p_t, Eq. 2
        weight = target.weight * (1 - probability) ** self.config.focus
        return cross_entropy(logits, Target(target.labels, weight))  # Eq. 4
