"""A loss on annotated pixels, cross-entropy unless `task` says otherwise, for the network and its auxiliary head."""

from seglet.methods import base
from seglet.methods.supervised.config import Config
from seglet.methods.task_loss import TaskLoss
from seglet.models.layers.dropout import noise_from
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.types import Classes, Labelled, Losses, Progress


class Method(base.Method[Labelled]):
    """The baseline of all four papers. Source: CIRKD, train_baseline.py."""

    supervision = Labelled
    any_channels = True

    def __init__(self, config: Config, student: Segmenter) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.task = TaskLoss(config, student.classes)

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        return cls(config, build_student(config, classes, seed))

    def losses(self, step: Labelled, progress: Progress) -> Losses:
        """Computes the loss of the network and, with its weight, of the auxiliary head."""
        with noise_from(self.student, progress.generator(step.images.device)):
            prediction = self.student.network(step.images)
        terms = self.task.parts("task", prediction.logits, step.target, step.images)
        total = terms["task"]
        if prediction.auxiliary is not None:
            terms["auxiliary"] = self.task(prediction.auxiliary, step.target, step.images)
            total = total + self.config.auxiliary_weight * terms["auxiliary"]
        return Losses(total, terms)
