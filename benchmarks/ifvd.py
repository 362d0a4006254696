"""IFVD by products with one-hot labels, against one mask and one mean a class, copied to its pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks._gradients import LossResult, compare, feature_maps
from benchmarks._images import blobs
from seglet.losses.distillation.ifvd import variation_loss
from seglet.tensors import resize_labels
from seglet.types import IGNORE

CHANNELS, CLASSES, SIZE = 512, 19, 512


def run() -> LossResult:
    student, teacher = feature_maps(CHANNELS, seed=0), feature_maps(CHANNELS, seed=1)
    labels = blobs(0, (len(student), SIZE, SIZE), CLASSES)
    labels[..., : SIZE // 20] = IGNORE

    def ours(maps: Tensor) -> Tensor:
        return variation_loss(maps, teacher, labels, CLASSES)

    def rival(maps: Tensor) -> Tensor:
        small = resize_labels(labels, maps.shape[2:]).unsqueeze(1)
        return F.mse_loss(likeness(maps, small), likeness(teacher, small))

    shapes = f"{'x'.join(map(str, student.shape))} float32, forward and backward, {CLASSES} classes"
    return compare("ifvd", ours, rival, student, shapes)


def likeness(features: Tensor, labels: Tensor) -> Tensor:
    """Cosine of each pixel to its centre, which starts as the pixel itself and becomes the mean of its class."""
    centres = features
    for k in range(CLASSES):
        mask = (labels == k).to(features).expand_as(features)
        mean = (features * mask).sum((2, 3), keepdim=True) / (mask.sum((2, 3), keepdim=True) + 1e-6)
        centres = (1 - mask) * centres + mask * mean
    return torch.cosine_similarity(features, centres, dim=1)
