"""What an evaluation found: everything that can be added up over images and processes, and the numbers read off it.

Axes: k classes, h rows, w columns.
"""

import copy
import math
from dataclasses import asdict
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float, UInt8
from torch import Tensor

from seglet.evaluation.bootstrap import Bootstrap
from seglet.evaluation.boundary import Boundary
from seglet.evaluation.calibration import Calibration
from seglet.evaluation.confusion import confusion
from seglet.evaluation.confusion_ratio import Cooccurrence
from seglet.evaluation.scores import CONVENTIONS, Convention, Scores, mean_iou
from seglet.evaluation.table import table
from seglet.types import Classes

BINS = (10, 15)  # FOTF, Table 7; Guo et al. 2017

MIOU: dict[Convention, str] = {"either": "miou", "present": "miou_present", "all": "miou_all"}


class Evaluation:
    """A sum over images: confusion, also by number of classes in an image, calibration, bootstrap, number of images.

    With `boundary` also what is right and wrong near outlines.
    """

    def __init__(self, classes: Classes, replicas: int = 1000, seed: int = 0, boundary: bool = False) -> None:
        self.classes = classes
        self.boundary = Boundary(len(classes)) if boundary else None
        self.confusion = torch.zeros(len(classes), len(classes), dtype=torch.int64)
        self.calibration = Calibration()
        self.cooccurrence = Cooccurrence(classes)
        self.bootstrap = Bootstrap(len(classes), replicas, seed)
        self._count = torch.zeros(1, dtype=torch.int64)

    @property
    def count(self) -> int:
        """Images counted so far."""
        return int(self._count)

    def add(
        self,
        image_id: str,
        labels: UInt8[Tensor, "h w"],
        pred: UInt8[Tensor, "h w"],
        confidence: Float[Tensor, "h w"],
    ) -> None:
        """Counts one image; ids must be unique.

        Raises:
            ValueError: labels or predictions that are no class, confidences that are no probability.
        """
        matrix = confusion(pred, labels, len(self.classes))
        self.calibration.add(confidence, pred, labels)
        self.cooccurrence.add_confusion(matrix)
        self.bootstrap.add(image_id, matrix)
        self.confusion += matrix
        if self.boundary is not None:
            self.boundary.add(pred.cpu().numpy(), labels.cpu().numpy())
        self._count += 1

    def reduce(self) -> "Evaluation":
        """The sum over all processes; itself where torch.distributed does not run. Images must not repeat."""
        if not (dist.is_available() and dist.is_initialized()):
            return self
        total = copy.deepcopy(self)
        on_gpu = dist.get_backend() == "nccl"
        calibration, together = total.calibration, total.cooccurrence
        counts = (total.confusion, calibration.counts, calibration.confidence, total.bootstrap.sums, total._count)
        edges = () if total.boundary is None else (torch.from_numpy(total.boundary.counts),)
        for part in (*counts, together.sums, together.images, *edges):
            shared = part.cuda() if on_gpu else part
            dist.all_reduce(shared)
            part.copy_(shared)
        return total

    @property
    def summary(self) -> Scores:
        """Everything that follows from the confusion matrix."""
        return Scores.from_confusion(self.confusion, self.classes.names)

    def scores(self) -> dict[str, float]:
        """The headline numbers by name, as fractions; nan where nothing was measured."""
        summary = self.summary
        return {
            **{MIOU[convention]: summary.mean_iou(convention) for convention in CONVENTIONS},
            "pixel_accuracy": summary.pixel_accuracy,
            "mean_accuracy": summary.mean_accuracy,
            **{f"ece_{bins}": self.calibration.ece(bins) for bins in BINS},
            **({} if self.boundary is None else {"boundary_iou": float(mean_iou(self.boundary.counts))}),
        }

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON: fractions, intervals of 95 %, null where nothing was measured."""
        found = {
            "images": self.count,
            "pixels": int(self.confusion.sum()),
            **self.scores(),
            "intervals": {MIOU[c]: self.bootstrap.mean_iou(c).tolist() for c in CONVENTIONS},
            "classes": self._classes(),
            "confusion_ratio": self.cooccurrence.as_dict(),
            "reliability": {str(bins): [asdict(bar) for bar in self.calibration.reliability(bins)] for bins in BINS},
            "confusion": self.confusion.tolist(),
        }
        return {name: _without_nan(value) for name, value in found.items()}

    def _classes(self) -> list[dict[str, Any]]:
        summary, intervals = self.summary, self.bootstrap.iou()
        return [
            {
                "name": name,
                "iou": float(summary.iou[index]),
                "interval": intervals[index].tolist(),
                "accuracy": float(summary.class_accuracy[index]),
                "pixels": int(summary.counts[index, 1]),
            }
            for index, name in enumerate(summary.names)
        ]

    def table(self) -> str:
        """The numbers for people, in percent."""
        return table(self.as_dict())


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
