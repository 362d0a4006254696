"""Focus on the Fog: student-uncertainty-weighted distillation. Equation numbers are the paper's."""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.losses.distillation.kl import kl_divergence
from seglet.losses.task import cross_entropy
from seglet.methods import base, protocols
from seglet.methods.fotf.config import Config
from seglet.methods.uncertainty_weights import LossWeights, loss_weights
from seglet.models.distillation.class_teacher import ClassTeacher, load_class_teacher
from seglet.models.layers.dropout import noise_from
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.tensors import resize_align_corners, resize_labels
from seglet.types import IGNORE, Classes, Labelled, Losses, Progress


class Method(base.Method[Labelled], protocols.TrainingNotes):
    """A student whose losses weigh most where its own stochastic passes disagree.

    The pass with gradients, whose logits the losses use, is not one of the T passes (Table 6: T = 0 costs nothing
    extra). The passes share its backbone and repeat only what lies behind the head's first dropout.
    """

    supervision = Labelled

    def __init__(self, config: Config, student: Segmenter, teacher: ClassTeacher | None) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.teacher = teacher

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        student = build_student(config, classes, seed)
        if config.teacher is None:
            return cls(config, student, None)
        return cls(config, student, load_class_teacher(config.teacher, config, classes, student.network))

    def losses(self, step: Labelled, progress: Progress) -> Losses:
        """Computes the losses of the masks, of the auxiliary head and, with a teacher, of distillation.

        Terms beside the losses: the mean σ, and mean and maximum of the weights of the distillation term (`weight_…`)
        and of the task loss (`task_weight_…`, annotated pixels only). With weights that differ between
        the classes of a pixel, `kd` may be negative: see `kl_divergence`.
        """
        network, generator = self.student.network, progress.generator(step.images.device)
        with noise_from(network, generator):  # draws first, so dropout is as in plain distillation
            embedding = network.embed(step.images)
            output = network.decode(embedding)
        distils = self.teacher is not None
        shared = None if self.teacher is None or self.teacher.shared is None else self.teacher.shared.labels
        weights = loss_weights(self.config, network, embedding, step.target, generator, distils, shared)
        terms = {"task": cross_entropy(output.logits, weights.target)}  # Eq. 8
        if output.auxiliary is not None:
            terms["auxiliary"] = cross_entropy(output.auxiliary, step.target)
        if self.teacher is not None:
            terms["kd"] = self._distillation(self.teacher, output.logits, step, weights)
        share = {"task": 1.0, "auxiliary": self.config.auxiliary_weight, "kd": self.config.kd_weight}
        total = torch.stack([share[name] * term for name, term in terms.items()]).sum()
        return Losses(total, {**terms, **weights.terms})

    def _distillation(
        self, teacher: ClassTeacher, logits: Float[Tensor, "b k h w"], step: Labelled, weights: LossWeights
    ) -> Float[Tensor, ""]:
        target = resize_align_corners(teacher(step.images), logits.shape[-2:])
        labels = resize_labels(step.target.labels, logits.shape[-2:])
        counted = labels != IGNORE if self.config.mask_ignored else None
        if teacher.shared is not None:
            logits, known = teacher.shared.of_student(logits), teacher.shared.known(labels)
            counted = known if counted is None else known & counted
        return kl_divergence(logits, target, self.config.temperature, weights.distillation, counted)  # Eq. 3

    def after_step(self, progress: Progress) -> None:
        if self.teacher is not None:
            self.teacher.follow(self.student.network, progress.step)

    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        return [] if self.teacher is None else self.teacher.notes()
