"""The result of an evaluation: counts that add up over images and processes, and the scores computed from them.

Axes: k classes, h rows, w columns.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from jaxtyping import Float, UInt8
from torch import Tensor

from seglet.evaluation.calibration import Calibration
from seglet.evaluation.confusion import confusion_matrix
from seglet.evaluation.confusion_ratio import Cooccurrence
from seglet.evaluation.pseudo_labels import PseudoLabelQuality
from seglet.evaluation.scores import IOU_CONVENTIONS, IouConvention, Scores, mean_iou
from seglet.evaluation.significance import Bootstrap
from seglet.types import Classes

if TYPE_CHECKING:
    from seglet.evaluation.boundary import BoundaryCounts
    from seglet.evaluation.cam_curve import CamCurve

_BINS = (10, 15)  # FOTF, Table 7; Guo et al. 2017

_MIOU_NAMES: dict[IouConvention, str] = {"either": "miou", "present": "miou_present", "all": "miou_all"}


class Evaluation:
    """Scores of a model on images with masks: counts summed over images, from which all scores follow.

    Args:
        classes: names of the classes.
        replicas: replicas of the bootstrap over images behind the intervals; 0 for none.
        seed: seed of the bootstrap.
        boundary: also count right and wrong pixels near outlines, for boundary IoU.
        trust: least confidence of a trusted pixel of each class, to score predictions as pseudo labels too.
        cam_curve: scores of class activation maps at every background threshold, added to by the caller.
    """

    def __init__(
        self,
        classes: Classes,
        replicas: int = 1000,
        seed: int = 0,
        boundary: bool = False,
        trust: Sequence[float] | None = None,
        cam_curve: "CamCurve | None" = None,
    ) -> None:
        self.classes = classes
        self.boundary = _boundary_counts(len(classes)) if boundary else None
        self.trust = None if trust is None else torch.tensor(trust)
        self.trusted = None if trust is None else PseudoLabelQuality(classes)
        self.confusion = torch.zeros(len(classes), len(classes), dtype=torch.int64)
        self.calibration = Calibration()
        self.cooccurrence = Cooccurrence(classes)
        self.bootstrap = Bootstrap(len(classes), replicas, seed)
        self.cam_curve = cam_curve
        self._count = torch.zeros(1, dtype=torch.int64)

    @property
    def count(self) -> int:
        """Number of images counted so far."""
        return int(self._count)

    @property
    def miou(self) -> float:
        """Mean IoU in [0, 1] over the classes in the truth or the prediction; nan where nothing was counted."""
        return self.scores()["miou"]

    def add(
        self,
        image_id: str,
        labels: UInt8[Tensor, "h w"],
        pred: UInt8[Tensor, "h w"],
        confidence: Float[Tensor, "h w"],
    ) -> None:
        """Counts one image; ids must be unique.

        Raises:
            ValueError: a label or prediction is no class, or a confidence is no probability.
        """
        matrix = confusion_matrix(pred, labels, len(self.classes))
        self.calibration.add(confidence, pred, labels)
        self.cooccurrence.add_confusion(matrix)
        self.bootstrap.add(image_id, matrix)
        self.confusion += matrix
        if self.boundary is not None:
            self.boundary.add(pred.cpu().numpy(), labels.cpu().numpy())
        if self.trusted is not None and self.trust is not None:
            kept = confidence >= self.trust.to(confidence)[pred.long()]
            self.trusted.add(pred.long().cpu(), labels.long().cpu(), kept.float().cpu())
        self._count += 1

    def reduce(self) -> "Evaluation":
        """Returns the sum over all processes; itself where torch.distributed does not run. Images must not repeat."""
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
        if self.cam_curve is not None:
            total.cam_curve = self.cam_curve.reduce()
        if self.trusted is not None:
            total.trusted = self.trusted.reduce()
        return total

    @property
    def summary(self) -> Scores:
        """Scores that follow from the confusion matrix."""
        return Scores.from_confusion(self.confusion, self.classes.names)

    def scores(self) -> dict[str, float]:
        """Returns the headline scores by name, as fractions; nan where nothing was measured."""
        summary = self.summary
        return {
            **{_MIOU_NAMES[convention]: summary.mean_iou(convention) for convention in IOU_CONVENTIONS},
            "pixel_accuracy": summary.pixel_accuracy,
            "mean_accuracy": summary.mean_accuracy,
            **{f"ece_{bins}": self.calibration.ece(bins) for bins in _BINS},
            **({} if self.boundary is None else {"boundary_iou": float(mean_iou(self.boundary.counts))}),
            **({} if self.trusted is None else self.trusted.scores()),
        }

    def as_dict(self) -> dict[str, Any]:
        """Returns all scores, ready for JSON: fractions, 95 % intervals, null where nothing was measured."""
        found = {
            "images": self.count,
            "pixels": int(self.confusion.sum()),
            **self.scores(),
            "intervals": {_MIOU_NAMES[c]: self.bootstrap.mean_iou(c).tolist() for c in IOU_CONVENTIONS},
            "classes": self._classes(),
            "confusion_ratio": self.cooccurrence.as_dict(),
            "reliability": {str(bins): [asdict(bar) for bar in self.calibration.reliability(bins)] for bins in _BINS},
            "reject": [list(point) for point in self.calibration.reject_curve(_BINS[0])],
            "confusion": self.confusion.tolist(),
        }
        if self.cam_curve is not None:
            found["cam_curve"] = self.cam_curve.as_dict()
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
        """Returns the scores as a table in plain text, in percent."""
        from seglet.evaluation.table import evaluation_table

        return evaluation_table(self.as_dict())

    def __repr__(self) -> str:
        from seglet.evaluation.table import format_score

        return f"Evaluation: mIoU {format_score(None if math.isnan(self.miou) else self.miou)} %\n{self.table()}"

    def _repr_html_(self) -> str:
        from seglet.evaluation.table import html_evaluation_table

        return html_evaluation_table(self.as_dict())


def _boundary_counts(classes: int) -> "BoundaryCounts":
    from seglet.evaluation.boundary import BoundaryCounts

    return BoundaryCounts(classes)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
