"""CWD from log-softmax, against softmax and its logarithm, which underflows where features are large."""

from torch import Tensor

from benchmarks._gradients import LossResult, compare, feature_maps
from seglet.losses.distillation.cwd import channel_divergence

CHANNELS, TEMPERATURE = 512, 4.0


def run() -> LossResult:
    student, teacher = feature_maps(CHANNELS, seed=0), feature_maps(CHANNELS, seed=1)
    shapes = f"{'x'.join(map(str, student.shape))} float32, forward and backward, temperature {TEMPERATURE:g}"
    return compare(
        "cwd", lambda maps: channel_divergence(maps, teacher), lambda maps: rival(maps, teacher), student, shapes
    )


def rival(student: Tensor, teacher: Tensor) -> Tensor:
    q_student, q_teacher = ((values.flatten(2) / TEMPERATURE).softmax(dim=2) for values in (student, teacher))
    summands = q_teacher * (q_teacher.log() - q_student.log())
    return summands.sum() / (student.shape[0] * student.shape[1]) * TEMPERATURE**2
