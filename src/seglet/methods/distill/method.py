"""Distillation by any combination of published losses, with or without FOTF's weights."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from seglet.losses.task import cross_entropy
from seglet.methods import base, protocols
from seglet.methods.distill import cost_report
from seglet.methods.distill.config import Config
from seglet.methods.distill.tapped_term import TappedTerm, attach_terms
from seglet.methods.distill.term_spec import parse_terms
from seglet.methods.distill.terms.base import FeaturePair, TermPart
from seglet.methods.uncertainty_weights import LossWeights, loss_weights
from seglet.models.distillation.feature_taps import TappedOutput, forward_with_taps
from seglet.models.distillation.teachers import Frozen, load_teacher
from seglet.models.layers.dropout import noise_from
from seglet.models.network import Network
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.tensors import resize_align_corners
from seglet.types import Classes, Labelled, Losses, Progress


class Method(
    base.Method[Labelled],
    protocols.KeyGuide,
    protocols.BeforeStep,
    protocols.Adversaries,
    protocols.UnsynchronisedBuffers,
    protocols.TrainingNotes,
    protocols.ReferencePredictions,
    protocols.NonFiniteDiagnosis,
):
    """A student trained on masks and on the terms of a list, each with its weight.

    One pass of the student and one of the teacher serve all terms.
    """

    supervision = Labelled

    def __init__(self, config: Config, student: Segmenter, teacher: Frozen[Network], terms: list[TappedTerm]) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.teacher = teacher
        self.terms = nn.ModuleDict({tapped.spec.name: tapped for tapped in terms})

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """Builds the student, loads the teacher and attaches the terms.

        Raises:
            ValueError: no teacher, or one of other classes; a tap that does not exist, gives no map or does not fit.
        """
        if config.teacher is None:
            raise ValueError(
                "teacher: expected a saved segmenter to distil from; train one (seglet train configs/supervised/…) "
                "and give its folder"
            )
        student, teacher = build_student(config, classes, seed), load_teacher(config.teacher, classes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # initial weights of adaptors, discriminators, queues
            terms = attach_terms(parse_terms(config.terms), student.network, teacher.network, len(classes))
        return cls(config, student, teacher, terms)

    @classmethod
    def key_guide(cls) -> str:
        return cost_report.key_guide()

    @property
    def tapped(self) -> list[TappedTerm]:
        """Terms in the order of the list."""
        return [part for part in self.terms.values() if isinstance(part, TappedTerm)]

    def losses(self, step: Labelled, progress: Progress) -> Losses:
        """Computes all terms and their weighted sum; with FOTF's weights also statistics of them, as in `fotf`."""
        (student, _), weights, pairs = self._forward(step, progress)
        parts = self._mask_losses(student, step, weights)
        for tapped, pair in zip(self.tapped, pairs, strict=True):
            parts |= tapped(pair)
        total = torch.stack([part.weight * part.value for part in parts.values()]).sum()
        return Losses(total, {**{name: part.value for name, part in parts.items()}, **weights.terms})

    def _forward(
        self, step: Labelled, progress: Progress
    ) -> tuple[tuple[TappedOutput, TappedOutput], LossWeights, list[FeaturePair]]:
        """Runs both networks; returns their outputs, FOTF's weights and the pair of maps for each term."""
        device = step.images.device
        generator, common = progress.generator(device), progress.common_generator(device)
        student, teacher = self._forward_networks(step.images, generator)
        config, network = self.config, self.student.network
        weights = loss_weights(config, network, student.embedding, step.target, generator, config.weigh_kd)
        pairs = [
            FeaturePair(student.maps[here], teacher.maps[there], step.target, weights.distillation, generator, common)
            for here, there in self._places()
        ]
        return (student, teacher), weights, pairs

    def _forward_networks(self, images: Tensor, generator: torch.Generator) -> tuple[TappedOutput, TappedOutput]:
        here, there = zip(*self._places(), strict=True)
        with noise_from(self.student.network, generator):
            student = forward_with_taps(self.student.network, images, here)
        with torch.no_grad():
            return student, forward_with_taps(self.teacher.network, images, there)

    def _places(self) -> list[tuple[str, str]]:
        return [tapped.spec.places for tapped in self.tapped]

    def _mask_losses(self, student: TappedOutput, step: Labelled, weights: LossWeights) -> dict[str, TermPart]:
        weight = self.config.task_weight
        if weight == 0:
            return {}
        parts = {"task": TermPart(cross_entropy(student.prediction.logits, weights.target), weight)}
        if student.prediction.auxiliary is not None:
            value = cross_entropy(student.prediction.auxiliary, step.target)
            parts["auxiliary"] = TermPart(value, weight * self.config.auxiliary_weight)
        return parts

    def before_step(self) -> None:
        for tapped in self.tapped:
            tapped.term.before_step()

    def adversaries(self) -> nn.Module:
        found = (tapped.term.adversary() for tapped in self.tapped)
        return nn.ModuleList(adversary for adversary in found if adversary is not None)

    def unsynchronised_buffers(self) -> list[str]:
        return [
            f"terms.{part.spec.name}.term.{buffer}"
            for part in self.tapped
            for buffer in part.term.unsynchronised_buffers()
        ]

    def reference_predictions(self) -> Mapping[str, protocols.PredictFunction]:
        def teacher(images: Tensor) -> Tensor:
            height, width = images.shape[-2:]
            return resize_align_corners(self.teacher(images).logits, (height, width))

        return {"teacher": teacher} if self.config.score_teacher else {}

    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        return [cost_report.describe_term(tapped, size, batch) for tapped in self.tapped]

    def diagnose_non_finite(self, step: Labelled, progress: Progress) -> list[str]:
        both, _, pairs = self._forward(step, progress)
        return cost_report.diagnose_non_finite(step, self.tapped, both, pairs)
