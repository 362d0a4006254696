"""Distillation by any combination of published losses, with or without FOTF's weights."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from seglet.losses.distillation.logit_standardisation import standardise_logits
from seglet.methods import base, protocols
from seglet.methods.distill import cost_report
from seglet.methods.distill.config import Config
from seglet.methods.distill.tapped_term import TappedTerm, attach_terms
from seglet.methods.distill.term_spec import active_terms, parse_terms
from seglet.methods.distill.terms.base import FeaturePair, TermPart
from seglet.methods.distill.terms.pixels import KLOptions
from seglet.methods.task_loss import TaskLoss
from seglet.methods.uncertainty_config import check_uncertainty
from seglet.methods.uncertainty_weights import LossWeights, NetworkPass, StepPasses, UncertaintyWeights
from seglet.methods.weight_statistics import weight_statistics, weight_warnings
from seglet.models.distillation.class_teacher import ClassTeacher, TeacherPass, load_class_teacher
from seglet.models.distillation.feature_taps import TappedOutput, forward_with_taps, freeze_unreached
from seglet.models.distillation.feature_teachers import FeatureTeachers
from seglet.models.layers.dropout import noise_from
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
    protocols.TrainingWarnings,
    protocols.ReferencePredictions,
    protocols.ReferenceLabels,
    protocols.ReferenceScores,
    protocols.NonFiniteDiagnosis,
):
    """A student trained on masks and on the terms of a list, each with its weight.

    One pass of the student and one of the teacher serve all terms. Terms may learn from encoders of others instead, and
    if all do there is no teacher.
    """

    supervision = Labelled

    def __init__(
        self,
        config: Config,
        student: Segmenter,
        teacher: ClassTeacher | None,
        terms: list[TappedTerm],
        encoders: FeatureTeachers,
    ) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.task = TaskLoss(config, student.classes)
        self.teacher = teacher
        self.encoders = encoders
        self.weights = UncertaintyWeights(config)
        self.terms = nn.ModuleDict({tapped.spec.name: tapped for tapped in terms})
        self.untrained: list[str] = []
        if config.task_weight == 0:  # several devices allow no trained parameter without a part in the loss
            self.untrained = freeze_unreached(student.network, [tapped.spec.places[0] for tapped in terms])

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """Builds the student, loads the teacher and attaches the terms.

        Raises:
            ValueError: no teacher, or one of other classes; a tap that does not exist, gives no map or does not fit;
                a network lacks the uncertainty that losses are weighted by.
        """
        specs = active_terms(config.terms)
        if config.teacher is None and any(spec.encoder_place is None for spec in specs):
            raise ValueError(
                "teacher: expected a saved segmenter to distil from; train one (seglet train configs/supervised/…) "
                "and give its folder, or take hf:OWNER/NAME from the hub, or ema, the student's own average"
            )
        student = build_student(config, classes, seed)
        teacher = None
        if config.teacher is not None:
            teacher = load_class_teacher(config.teacher, config, classes, student.network, config.teacher_rule)
        check_uncertainty(config, student.network, teacher, config.weigh_kd)
        encoders = FeatureTeachers.load([spec.encoder_place for spec in specs if spec.encoder_place is not None])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # initial weights of adaptors, discriminators, queues
            terms = attach_terms(specs, student.network, teacher, encoders, len(classes))
        return cls(config, student, teacher, terms, encoders)

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
        parts, shown = self._mask_losses(student, step, weights)
        for tapped, pair in zip(self.tapped, pairs, strict=True):
            parts |= tapped(pair)
        total = torch.stack([part.weight * part.value for part in parts.values()]).sum()
        return Losses(total, {**{name: part.value for name, part in parts.items()}, **shown, **weights.terms})

    def _forward(
        self, step: Labelled, progress: Progress
    ) -> tuple[tuple[TappedOutput, list[Tensor]], LossWeights, list[FeaturePair]]:
        """Runs all networks; returns their maps, FOTF's weights and the pair of maps for each term."""
        device = step.images.device
        generator, common = progress.generator(device), progress.common_generator(device)
        student, teacher, taught = self._forward_networks(step.images, generator)
        weights = self.weights(self._passes(student, teacher, step), progress, generator)
        shared = None if self.teacher is None else self.teacher.shared
        pairs = []
        for tapped, other in zip(self.tapped, taught, strict=True):
            own = student.maps[tapped.spec.places[0]]
            pair = FeaturePair(own, other, step.target, weights.distillation, generator, common)
            if shared is not None and (tapped.spec.at_logits or tapped.spec.kind.of_logits):
                labels = step.target.labels
                pair = replace(pair, known=shared.known(labels), places=shared.places(labels))
            if shared is not None and tapped.spec.at_logits:
                pair = replace(pair, student=shared.of_student(own))
            pairs.append(pair)
        return (student, taught), replace(weights, terms={**weights.terms, **self._statistics(pairs)}), pairs

    def _forward_networks(
        self, images: Tensor, generator: torch.Generator
    ) -> tuple[TappedOutput, TeacherPass | None, list[Tensor]]:
        """Returns the output of the student, that of the teacher, and for each term the map it learns from."""
        specs, config = [tapped.spec for tapped in self.tapped], self.config
        with noise_from(self.student.network, generator):
            student = forward_with_taps(self.student.network, images, [spec.places[0] for spec in specs])
        own = [spec.places[1] for spec in specs if spec.encoder_place is None]
        asked = own or (config.asks_teacher and config.weighs(config.weigh_kd))
        teacher = self.teacher.observe(images, own) if self.teacher is not None and asked else None
        maps = {} if teacher is None else teacher.maps
        others = self.encoders(images, [spec.encoder_place for spec in specs if spec.encoder_place is not None])
        taught = [others[spec.encoder_place] if spec.encoder_place else maps[spec.places[1]] for spec in specs]
        return student, teacher, taught

    def _passes(self, student: TappedOutput, teacher: TeacherPass | None, step: Labelled) -> StepPasses:
        own = NetworkPass(self.student.network, student.prediction.logits, student.embedding.trunk)
        other, shared = None, None
        if self.teacher is not None and teacher is not None:
            other = NetworkPass(self.teacher.network, teacher.logits, teacher.trunk)
            shared = None if self.teacher.shared is None else self.teacher.shared.labels
        return StepPasses(own, step.target, other, self.config.weigh_kd, shared)

    def _statistics(self, pairs: Sequence[FeaturePair]) -> dict[str, Tensor]:
        """Returns what FOTF's weights make of the teacher's target, for the first term that they apply to."""
        for tapped, pair in zip(self.tapped, pairs, strict=True):
            options = tapped.spec.options
            if tapped.spec.weighable and isinstance(options, KLOptions) and self.teacher and pair.weight is not None:
                target = resize_align_corners(pair.teacher, pair.student.shape[-2:])
                names = self.teacher.names_of(self.student.classes.names)
                target = standardise_logits(target) if options.standardise else target
                return weight_statistics(pair.weight, target, names, options.temperature, options.form)
        return {}

    def training_warnings(self, terms: Mapping[str, float], progress: Progress) -> Mapping[str, str]:
        """Returns warnings if FOTF's weights are large, or pull the student away from the teacher."""
        return weight_warnings(terms, [tapped.spec.name for tapped in self.tapped if tapped.spec.weighable])

    def _mask_losses(
        self, student: TappedOutput, step: Labelled, weights: LossWeights
    ) -> tuple[dict[str, TermPart], dict[str, Tensor]]:
        """Computes the losses against masks, and the terms they are made of where there are several."""
        weight = self.config.task_weight
        if weight == 0:
            return {}, {}
        shown = self.task.parts("task", student.prediction.logits, weights.target)
        parts = {"task": TermPart(shown.pop("task"), weight)}
        if student.prediction.auxiliary is not None:
            value = self.task(student.prediction.auxiliary, step.target)
            parts["auxiliary"] = TermPart(value, weight * self.config.auxiliary_weight)
        return parts, shown

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
        if self.teacher is None or self.teacher.is_average or not self.config.score_teacher:
            return {}
        members = [] if self.teacher.group is None else self.teacher.group.members
        alone = {f"teacher-{place}": member.predict for place, member in enumerate(members, 1)}
        return {**alone, "teacher": self.teacher.predict}

    def learn_reference_scores(self, name: str, iou: Sequence[float]) -> list[str]:
        """Takes the class IoU of one of several teachers; after the last returns which teaches which class."""
        group = None if self.teacher is None else self.teacher.group
        if group is None or name == "teacher":
            return []
        place = int(name.removeprefix("teacher-"))
        group.learn_scores(place - 1, iou)
        if group.scores is None or place < len(group.members):
            return []
        best = zip(self.student.classes.names, group.best(), strict=True)
        return ["classes by teacher: " + ", ".join(f"{name} {'mean' if t is None else t + 1}" for name, t in best)]

    def reference_labels(self) -> Mapping[str, Sequence[int]]:
        shared = None if self.teacher is None else self.teacher.shared
        return {} if shared is None else {"teacher": shared.labels}

    def after_step(self, progress: Progress) -> None:
        if self.teacher is not None:
            self.teacher.follow(self.student.network, progress.step)

    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        teachers = [*([] if self.teacher is None else self.teacher.notes()), *self.encoders.notes()]
        specs = parse_terms(self.config.terms)
        off = [f"term {spec.name}: left out, its weight is 0" for spec in specs if spec.options.off]
        if self.untrained:
            off.append(f"no loss reaches {', '.join(self.untrained)} of the student: they keep their initial weights")
        return [*teachers, *off, *(cost_report.describe_term(tapped, size, batch) for tapped in self.tapped)]

    def diagnose_non_finite(self, step: Labelled, progress: Progress) -> list[str]:
        (student, taught), _, pairs = self._forward(step, progress)
        maps = {f"{place} of the student": found for place, found in student.maps.items()}
        maps = {"logits of the student": student.prediction.logits, **maps}
        for tapped, found in zip(self.tapped, taught, strict=True):
            maps[f"{tapped.spec.places[1]} of {tapped.spec.options.teacher or 'the teacher'}"] = found
        return cost_report.diagnose_non_finite(step, self.tapped, maps, pairs)
