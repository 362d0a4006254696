"""Focus on the Fog: student-uncertainty-weighted distillation. Equation numbers are the paper's."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.losses.distillation.kl import generalised_kl_divergence, kl_divergence
from seglet.methods import base, protocols
from seglet.methods.fotf.config import Config
from seglet.methods.task_loss import TaskLoss
from seglet.methods.uncertainty_config import check_uncertainty
from seglet.methods.uncertainty_weights import LossWeights, NetworkPass, StepPasses, UncertaintyWeights
from seglet.methods.weight_statistics import weight_statistics, weight_warnings
from seglet.models.distillation.class_teacher import ClassTeacher, TeacherPass, load_class_teacher
from seglet.models.layers.dropout import noise_from
from seglet.models.network import Embedding, NetworkOutput
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.tensors import resize_align_corners, resize_labels
from seglet.types import IGNORE, Classes, Labelled, Losses, Progress


class Method(base.Method[Labelled], protocols.TrainingNotes, protocols.TrainingWarnings):
    """A student whose losses weigh most where its own stochastic passes disagree.

    The pass with gradients, whose logits the losses use, is not one of the T passes (Table 6: T = 0 costs nothing
    extra). The passes share its backbone and repeat only what lies behind the head's first dropout.
    """

    supervision = Labelled

    def __init__(self, config: Config, student: Segmenter, teacher: ClassTeacher | None) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.task = TaskLoss(config, student.classes)
        self.teacher = teacher
        self.weights = UncertaintyWeights(config)

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """Builds the student and loads the teacher.

        Raises:
            ValueError: the teacher does not fit, or a network lacks the uncertainty that losses are weighted by.
        """
        student, teacher = build_student(config, classes, seed), None
        if config.teacher is not None:
            teacher = load_class_teacher(config.teacher, config, classes, student.network)
        check_uncertainty(config, student.network, teacher, teacher is not None)
        return cls(config, student, teacher)

    def losses(self, step: Labelled, progress: Progress) -> Losses:
        """Computes the losses of the masks, of the auxiliary head and, with a teacher, of distillation.

        Terms beside the losses: the mean σ, mean and maximum of the weights of the distillation term (`weight_…`) and
        of the task loss (`task_weight_…`, annotated pixels only), and those of `weight_statistics`. With weights that
        differ between the classes of a pixel, `kd` may be negative: see `kl_divergence`.
        """
        network, generator = self.student.network, progress.generator(step.images.device)
        with noise_from(network, generator):  # draws first, so dropout is as in plain distillation
            embedding = network.embed(step.images)
            output = network.decode(embedding)
        taught = None if self.teacher is None else self.teacher.observe(step.images)
        weights = self.weights(self._passes(embedding, output, taught, step), progress, generator)
        parts = self.task.parts("task", output.logits, weights.target)  # Eq. 8
        terms = {"task": parts.pop("task")}
        if output.auxiliary is not None:
            terms["auxiliary"] = self.task(output.auxiliary, step.target)
        statistics = {**parts, **weights.terms}
        if self.teacher is not None and taught is not None:
            target = resize_align_corners(taught.logits, output.logits.shape[-2:])
            terms["kd"] = self._distillation(self.teacher, output.logits, target, step, weights)
            statistics |= self._statistics(self.teacher, target, weights)
        share = {"task": 1.0, "auxiliary": self.config.auxiliary_weight, "kd": self.config.kd_weight}
        total = torch.stack([share[name] * term for name, term in terms.items()]).sum()
        return Losses(total, {**terms, **statistics})

    def _passes(
        self, embedding: Embedding, output: NetworkOutput, taught: TeacherPass | None, step: Labelled
    ) -> StepPasses:
        own = NetworkPass(self.student.network, output.logits, embedding.trunk)
        if self.teacher is None or taught is None:
            return StepPasses(own, step.target, distils=False)
        shared = None if self.teacher.shared is None else self.teacher.shared.labels
        teacher = NetworkPass(self.teacher.network, taught.logits, taught.trunk)
        return StepPasses(own, step.target, teacher, shared=shared)

    def _distillation(
        self,
        teacher: ClassTeacher,
        logits: Float[Tensor, "b k h w"],
        target: Float[Tensor, "b m h w"],
        step: Labelled,
        weights: LossWeights,
    ) -> Float[Tensor, ""]:
        labels = resize_labels(step.target.labels, logits.shape[-2:])
        counted = labels != IGNORE if self.config.mask_ignored else None
        if teacher.shared is not None:
            logits, known = teacher.shared.of_student(logits), teacher.shared.known(labels)
            counted = known if counted is None else known & counted
        divergence = kl_divergence if self.config.kd_form == "eq3" else generalised_kl_divergence
        return divergence(logits, target, self.config.temperature, weights.distillation, counted)  # Eq. 3

    def _statistics(
        self, teacher: ClassTeacher, target: Float[Tensor, "b m h w"], weights: LossWeights
    ) -> dict[str, Float[Tensor, ""]]:
        if weights.distillation is None:
            return {}
        names = teacher.names_of(self.student.classes.names)
        return weight_statistics(weights.distillation, target, names, self.config.temperature, self.config.kd_form)

    def training_warnings(self, terms: Mapping[str, float], progress: Progress) -> Mapping[str, str]:
        """Returns warnings if the weights are large, or pull the student away from the teacher."""
        return weight_warnings(terms, ["kd"])

    def after_step(self, progress: Progress) -> None:
        if self.teacher is not None:
            self.teacher.follow(self.student.network, progress.step)

    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        return [] if self.teacher is None else self.teacher.notes()
