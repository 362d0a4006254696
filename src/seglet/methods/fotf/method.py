"""Focus on the Fog: student-uncertainty-weighted distillation. Equation numbers are the paper's."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.losses.kl import kl_divergence
from seglet.losses.pixel import cross_entropy, resize
from seglet.methods import base
from seglet.methods.fotf.config import Config
from seglet.methods.fotf.teacher import load_teacher
from seglet.methods.fotf.weights import Weights, deviate, weigh
from seglet.models.dropout import drawing_from
from seglet.models.network import Embedding, Network
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.models.teachers import Frozen
from seglet.types import IGNORE, Classes, Labelled, Losses, Progress, Target


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
        with drawing_from(network, generator):  # graded before sampled: the same masks as in vanilla distillation
            embedding = network.embed(step.images)
            graded = network.complete(embedding)
        weights = self._weights(embedding, step.target, generator)
        terms = {"task": cross_entropy(graded.logits, weights.target)}  # Eq. 8
        if graded.auxiliary is not None:
            terms["auxiliary"] = cross_entropy(graded.auxiliary, step.target)
        if self.teacher is not None:
            terms["kd"] = self._distillation(self.teacher, graded.logits, step, weights)
        share = {"task": 1.0, "auxiliary": self.config.auxiliary_weight, "kd": self.config.kd_weight}
        total = torch.stack([share[name] * term for name, term in terms.items()]).sum()
        return Losses(total, {**terms, **weights.terms})

    def _weights(self, embedding: Embedding, target: Target, generator: torch.Generator) -> Weights:
        config, distils = self.config, self.teacher is not None
        if not (config.weigh_task or (config.weigh_kd and distils)):
            return Weights(target)  # vanilla distillation pays for no stochastic pass
        size = target.labels.shape[-2:]
        deviations = deviate(config, self.student.network, embedding.trunk, size, generator)
        return weigh(config, deviations, target, distils)

    def _distillation(
        self, teacher: Frozen[Network], logits: Float[Tensor, "b k h w"], step: Labelled, weights: Weights
    ) -> Float[Tensor, ""]:
        with torch.no_grad():
            taught = resize(teacher(step.images).logits, logits.shape[-2:])
        counted = annotated(step.target, logits.shape[-2:]) if self.config.mask_ignored else None
        return kl_divergence(logits, taught, self.config.temperature, weights.distillation, counted)  # Eq. 3


def annotated(target: Target, size: torch.Size) -> Bool[Tensor, "b h w"]:
    """Where the nearest label is not IGNORE, at another size."""
    known = (target.labels != IGNORE).float().unsqueeze(1)
    return F.interpolate(known, size=size, mode="nearest").squeeze(1).bool()
