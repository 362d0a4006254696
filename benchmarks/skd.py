"""SKD's pairwise term in blocks with its gradient made on the way, against two full matrices of similarities."""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks._gradients import LossResult, compare, feature_maps
from seglet.losses.distillation.skd_pairwise import pairwise_loss

CHANNELS = 512


def run() -> LossResult:
    student, teacher = feature_maps(CHANNELS, seed=0), feature_maps(CHANNELS, seed=1)
    shapes = f"{'x'.join(map(str, student.shape))} float32, forward and backward, 33x33 places after pooling"
    return compare("skd", lambda maps: pairwise_loss(maps, teacher), lambda maps: rival(maps, teacher), student, shapes)


def rival(student: Tensor, teacher: Tensor) -> Tensor:
    return (similarity(student) - similarity(teacher)).square().mean()


def similarity(features: Tensor) -> Tensor:
    places = F.normalize(F.max_pool2d(features, 2, ceil_mode=True), dim=1)
    return torch.einsum("bchw,bcij->bhwij", places, places)
