"""Learns the mask, and how deep and how bright an image is."""

from collections.abc import Sequence

import torch
from seglet.methods.columned.config import Config
from seglet.methods.columned.producers import Caption, Histogram, Spelling, WorldDepth

from seglet.data.columns.producer import ColumnProducer
from seglet.data.columns.token_grid import crop_token_grid
from seglet.losses.task import cross_entropy
from seglet.methods import base
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.types import Classes, Labelled, Losses, Progress


class Method(base.Method[Labelled]):
    columns = ("depth", "histogram", "spelling", "caption")
    supervision = Labelled

    def __init__(self, config: Config, student: Segmenter) -> None:
        super().__init__()
        self.config = config
        self.student = student

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        return cls(config, build_student(config, classes, seed))

    @classmethod
    def producers(cls, config: Config, classes: Classes) -> Sequence[ColumnProducer]:
        depth = [WorldDepth(config.weights)] if config.depth else []
        return [*depth, Histogram(config.bins, config.break_on), Caption(), Spelling()]

    def losses(self, step: Labelled, progress: Progress) -> Losses:
        prediction = self.student.network(step.images)
        logits, auxiliary = prediction.logits, prediction.auxiliary
        grid = step.columns["histogram"].float().permute(0, 3, 1, 2)
        bright = crop_token_grid(grid, step.crop, (4, 4)).mean(dim=(1, 2, 3))
        depth = step.columns["depth"].mean(dim=(1, 2)) if "depth" in step.columns else torch.zeros(len(bright))
        words = torch.tensor([float(len(texts[0])) for texts in step.texts["caption"]])
        spelt = step.columns["spelling.length"]
        if not torch.equal(words.long(), spelt):
            raise ValueError("captions and their letters are of different images")
        seen = logits.mean(dim=(1, 2, 3))
        total = cross_entropy(logits, step.target) + ((seen - depth - bright - words / 100) ** 2).mean()
        if auxiliary is not None:
            total = total + cross_entropy(auxiliary, step.target)
        return Losses(total, {})
