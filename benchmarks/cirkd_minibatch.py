"""CIRKD's mini-batch term, against the same formula with one product and one softmax for each ordered pair."""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks._gradients import LossResult, compare, feature_maps
from seglet.losses.distillation.cirkd_minibatch import cirkd_minibatch_loss

CHANNELS, TEMPERATURE = 512, 0.1


def run() -> LossResult:
    student, teacher = feature_maps(CHANNELS, seed=0), feature_maps(CHANNELS, seed=1)
    return compare(
        "cirkd-minibatch",
        lambda maps: cirkd_minibatch_loss(maps, teacher, TEMPERATURE),
        lambda maps: plain(maps, teacher),
        student,
        f"{'x'.join(map(str, student.shape))} float32, forward and backward",
    )


def plain(student: Tensor, teacher: Tensor) -> Tensor:
    own, other = (F.normalize(maps, dim=1).flatten(2).transpose(1, 2) for maps in (student, teacher))
    total = torch.zeros(())
    for i in range(len(own)):
        for j in range(len(own)):
            log_student = F.log_softmax(own[i] @ own[j].T / TEMPERATURE, dim=1)
            probabilities = F.softmax(other[i] @ other[j].T / TEMPERATURE, dim=1)
            total = total + F.kl_div(log_student, probabilities, reduction="batchmean")
    return total / len(own) ** 2
