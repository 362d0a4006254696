"""Calibration error of a Cityscapes-sized prediction in 10 and 15 bins, against torchmetrics run once for each."""

import torch
from torchmetrics.classification import MulticlassCalibrationError

from benchmarks._harness import Result, side_by_side
from benchmarks._images import answered
from seglet.evaluation.calibration import Calibration
from seglet.evaluation.inference import predict_labels
from seglet.types import IGNORE

SHAPE, CLASSES, BINS = (1, 512, 1024), 19, (10, 15)


def run() -> Result:
    labels, pred = answered(SHAPE, CLASSES)
    noise = torch.randn(1, CLASSES, *SHAPE[1:], generator=torch.Generator().manual_seed(3))
    logits = noise.scatter_add(1, pred.long()[:, None], torch.full((1, 1, *SHAPE[1:]), 4.0))
    metrics = [MulticlassCalibrationError(CLASSES, n_bins=bins, norm="l1", ignore_index=IGNORE) for bins in BINS]

    def ours() -> list[float]:
        calibration = Calibration()
        decision = predict_labels(lambda images: logits, torch.empty(1, 3, *SHAPE[1:]))
        calibration.add(decision.confidence, decision.labels, labels)
        return [calibration.ece(bins) for bins in BINS]

    def rival() -> list[float]:
        for metric in metrics:
            metric.reset()
            metric.update(logits, labels.long())
        return [float(metric.compute()) for metric in metrics]

    def same(mine: list[float], theirs: list[float]) -> bool:
        return all(abs(a - b) < 1e-5 for a, b in zip(mine, theirs, strict=True))  # theirs adds up in float32

    shapes = f"{'x'.join(map(str, SHAPE))} pixels, {CLASSES} classes, float32 logits, {BINS} bins"
    return side_by_side("ece", ours, rival, same, shapes)
