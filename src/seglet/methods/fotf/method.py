"""Focus on the Fog: student-uncertainty-weighted distillation. Equation numbers are the paper's."""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.losses.distillation.kl import kl_divergence
from seglet.losses.task import annotated_pixels, cross_entropy
from seglet.methods import base
from seglet.methods.fotf.config import Config
from seglet.methods.weighting import Weights, weights_for
from seglet.models.distillation.teachers import Frozen, load_teacher
from seglet.models.layers.dropout import noise_from
from seglet.models.network import Network
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.tensors import resize_align_corners
from seglet.types import Classes, Labelled, Losses, Progress


class Method(base.Method[Labelled]):
    """A student that listens most, to its teacher and to the masks, where its own stochastic passes disagree.

    The graded pass, whose logits the losses see, is not one of the T passes (Table 6: T = 0 costs nothing extra).
    The passes share its backbone and repeat only what lies behind the head's first dropout.
    """

    supervision = Labelled

    def __init__(self, config: Config, student: Segmenter, teacher: Frozen[Network] | None) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.teacher = teacher

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        teacher = None if config.teacher is None else load_teacher(config.teacher, classes)
        return cls(config, build_student(config, classes, seed), teacher)

    def losses(self, step: Labelled, progress: Progress) -> Losses:
        """The task loss, the auxiliary head's and, with a teacher, distillation; the sum weighs the last two.

        Among the terms are also the mean σ, and mean and maximum of the weights of the distillation term
        (`weight_…`) and of the task loss (`task_weight_…`, annotated pixels only). With weights that differ between
        the classes of a pixel, `kd` may be negative: see `kl_divergence`.
        """
        network, generator = self.student.network, progress.generator(step.images.device)
        with noise_from(network, generator):  # graded before sampled: the same masks as in vanilla distillation
            embedding = network.embed(step.images)
            graded = network.decode(embedding)
        distils = self.teacher is not None
        weights = weights_for(self.config, network, embedding, step.target, generator, distils)
        terms = {"task": cross_entropy(graded.logits, weights.target)}  # Eq. 8
        if graded.auxiliary is not None:
            terms["auxiliary"] = cross_entropy(graded.auxiliary, step.target)
        if self.teacher is not None:
            terms["kd"] = self._distillation(self.teacher, graded.logits, step, weights)
        share = {"task": 1.0, "auxiliary": self.config.auxiliary_weight, "kd": self.config.kd_weight}
        total = torch.stack([share[name] * term for name, term in terms.items()]).sum()
        return Losses(total, {**terms, **weights.terms})

    def _distillation(
        self, teacher: Frozen[Network], logits: Float[Tensor, "b k h w"], step: Labelled, weights: Weights
    ) -> Float[Tensor, ""]:
        with torch.no_grad():
            taught = resize_align_corners(teacher(step.images).logits, logits.shape[-2:])
        counted = annotated_pixels(step.target.labels, logits.shape[-2:]) if self.config.mask_ignored else None
        return kl_divergence(logits, taught, self.config.temperature, weights.distillation, counted)  # Eq. 3
