"""Cross pseudo supervision. Equation numbers are those of Chen et al., CVPR 2021.

Axes: b images, k classes, h rows, w columns.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.labels.semi.collapse import detect_collapse, share_terms
from seglet.labels.semi.cutmix import box_mask, draw_cutmix_boxes, paste_boxes, paste_record
from seglet.labels.semi.pseudo_label import PseudoLabelMap, pseudo_label_map
from seglet.losses.task import cross_entropy
from seglet.methods import base, protocols
from seglet.methods.cps.config import Config
from seglet.methods.task_loss import TaskLoss
from seglet.models.layers.dropout import noise_from
from seglet.models.network import evaluation_mode
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.types import Classes, Losses, Progress, SemiStep, Unlabelled

_BOXES = 0xB0C5
"""Purpose of the draws of CutMix's boxes, beside dropout."""
_ALARM_FROM = 0.25
"""Fraction of training after which a collapse is reported; ours."""


class Method(
    base.Method[SemiStep], protocols.TrainingWarnings, protocols.ExtraValidation, protocols.PseudoLabelValidation
):
    """Two students with different initial weights, each with the other's predictions as labels of unlabelled images."""

    supervision = SemiStep

    def __init__(self, config: Config, student: Segmenter, second: Segmenter) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.task = TaskLoss(config, student.classes, config.hard_pixels)
        self.second = second

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """Builds both networks; what starts from chance differs between them."""
        return cls(config, build_student(config, classes, seed), build_student(config, classes, seed + 1))

    def losses(self, step: SemiStep, progress: Progress) -> Losses:
        """Computes the losses of masks (Eq. 1) and of cross pseudo supervision with CutMix (Eq. 3, Sec. 3).

        Terms beside them: `agree`, fraction of pixels that both networks label alike; `share/…` as of `fixmatch`.
        """
        device = step.unlabelled.images.device
        with noise_from(self, progress.generator(device)):
            own = [self._guess(network, step.unlabelled) for network in (self.student, self.second)]
            views, mixed = self._mixed(step, own, progress.generator(purpose=_BOXES))
            images = torch.cat((step.labelled.images, views))
            logits = [network.network(images).logits for network in (self.student, self.second)]
        count, config = len(step.labelled.images), self.config
        labelled = [self.task(one[:count], step.labelled.target) for one in logits]
        crossed = [
            cross_entropy(one[count:], labels.target(0.0)) for one, labels in zip(logits, mixed[::-1], strict=True)
        ]
        terms = {"labelled": torch.stack(labelled).sum(), "pseudo": torch.stack(crossed).sum()}  # Eq. 1; Eq. 3
        total = terms["labelled"] + config.pseudo_weight * terms["pseudo"]  # Eq. 4
        alike = (own[0].labels == own[1].labels) & own[0].valid
        shares = share_terms(own[0].labels, own[0].valid, step.labelled.target.labels, self.student.classes.names)
        return Losses(total, {**terms, "agree": alike.sum() / own[0].valid.sum().clamp(min=1), **shares})

    @torch.no_grad()
    def _guess(self, network: Segmenter, views: Unlabelled) -> PseudoLabelMap:
        """Predicts pseudo labels of weak views by one of the networks, in evaluation mode."""
        with evaluation_mode(network):
            return pseudo_label_map(network(views.images), views.valid)

    def _mixed(
        self, step: SemiStep, own: list[PseudoLabelMap], generator: torch.Generator
    ) -> tuple[Float[Tensor, "b 3 h w"], list[PseudoLabelMap]]:
        """Returns the unlabelled views with boxes of other images, and both networks' labels, mixed alike."""
        images, size = step.unlabelled.images, (own[0].labels.shape[1], own[0].labels.shape[2])
        box = box_mask(draw_cutmix_boxes(len(images), size, self.config.boxes, generator), size).to(images.device)
        if step.partner is None:
            others = [labels.map(lambda maps: maps.flip(0)) for labels in own]
            pasted = images.flip(0)
        else:
            others = [self._guess(network, step.partner) for network in (self.student, self.second)]
            pasted = step.partner.images
        both = [paste_record(mine, other, box) for mine, other in zip(own, others, strict=True)]
        return paste_boxes(images, pasted, box), both

    def least_confidences(self) -> list[float]:
        """Returns 0 for each class: every prediction is a pseudo label."""
        return [0.0] * len(self.student.classes)

    def training_warnings(self, terms: Mapping[str, float], progress: Progress) -> Mapping[str, str]:
        """Returns a warning if the pseudo labels collapse, once a quarter of training is done."""
        if progress.fraction < _ALARM_FROM:
            return {}
        return detect_collapse({"confident": 0.5, **terms}, self.student.classes.names)  # there is no threshold to miss

    def extra_predictions(self) -> Mapping[str, protocols.PredictFunction]:
        """Returns the second network; the first is the one that is saved."""
        return {"second": self.second}
