"""The confusion matrix of four Cityscapes-sized predictions, against torchmetrics; bytes, which suit both best."""

import torch
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

from benchmarks._harness import Result, side_by_side
from benchmarks._images import answered
from seglet.evaluation.confusion import confusion_matrix
from seglet.types import IGNORE

SHAPE, CLASSES = (4, 1024, 2048), 19


def run() -> Result:
    labels, pred = answered(SHAPE, CLASSES)
    metric = MulticlassConfusionMatrix(CLASSES, ignore_index=IGNORE)

    def rival() -> Tensor:
        metric.reset()
        metric.update(pred, labels)
        matrix: Tensor = metric.compute()
        return matrix

    shapes = f"{'x'.join(map(str, SHAPE))} pixels, {CLASSES} classes, uint8"
    return side_by_side("confusion", lambda: confusion_matrix(pred, labels, CLASSES), rival, torch.equal, shapes)
