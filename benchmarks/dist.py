"""DIST along the axes of the maps, against one row a pixel and the same of the transpose.

As many channels as the other losses have; the logits of a real step have a class each.
"""

from torch import Tensor

from benchmarks._gradients import LossResult, compare, feature_maps
from seglet.losses.distillation.dist import correlation_loss

CHANNELS = 512


def run() -> LossResult:
    student, teacher = feature_maps(CHANNELS, seed=0), feature_maps(CHANNELS, seed=1)
    shapes = f"{'x'.join(map(str, student.shape))} float32, forward and backward"
    return compare(
        "dist", lambda maps: correlation_loss(maps, teacher), lambda maps: rival(maps, teacher), student, shapes
    )


def rival(student: Tensor, teacher: Tensor) -> Tensor:
    rows_student, rows_teacher = (
        logits.transpose(1, 3).reshape(-1, logits.shape[1]).softmax(dim=1) for logits in (student, teacher)
    )
    between = 1 - pearson(rows_student, rows_teacher).mean()
    return between + 1 - pearson(rows_student.T, rows_teacher.T).mean()


def pearson(a: Tensor, b: Tensor) -> Tensor:
    """Correlation of each row of one with the same row of the other."""
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    product: Tensor = a.norm(dim=1) * b.norm(dim=1)
    return (a * b).sum(1) / (product + 1e-8)
