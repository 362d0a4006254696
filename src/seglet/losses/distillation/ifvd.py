"""Distillation of the variation of features within a class (intra-class feature variation, IFVD).

Axes: b images, c channels, h rows, w columns; d channels of the teacher, k classes, n = h·w positions.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_places, full_precision
from seglet.tensors import at_least_float32, resize_labels


def variation_loss(
    student: Float[Tensor, "b c h w"],
    teacher: Float[Tensor, "b d h w"],
    labels: Integer[Tensor, "b _ _"],
    num_classes: int,
) -> Float[Tensor, ""]:
    """Computes the mean squared difference of pixels' similarities to the mean of their class; in [0, 4].

    Similarity is the cosine between the feature of a pixel and the mean feature of its class in its image. Labels
    are resized to the features; ignored pixels and labels that are no class add 0 but count in the mean. Channel
    counts may differ. Gradients flow through the means. Pass the teacher's map detached.

    Raises:
        ValueError: the maps differ in other axes than channels or are empty; labels of other images.

    Source: Wang et al., ECCV 2020, Eq. 1-3; CIRKD, losses/ifvd.py; golden ifvd.
    """
    check_same_places(student, teacher)
    if len(labels) != len(student):
        raise ValueError(f"labels of {len(labels)} images for features of {len(student)}; give one map of labels each")
    classes = torch.arange(num_classes, device=student.device)[:, None]
    member = resize_labels(labels, student.shape[-2:]).flatten(1)[:, None] == classes  # b k n
    with full_precision(student):
        own, other = (_similarity(at_least_float32(maps).flatten(2), member) for maps in (student, teacher))
    return F.mse_loss(own, other)  # Eq. 3


def _similarity(features: Float[Tensor, "b c n"], member: Bool[Tensor, "b k n"]) -> Float[Tensor, "b n"]:
    cosine: Tensor = _Similarity.apply(features, member.to(features.dtype))  # type: ignore[no-untyped-call]
    return cosine


class _Similarity(torch.autograd.Function):
    """Cosine of each position to the mean of its class; 0, and no gradient, where there is no class or no feature.

    Everything is a product with the one-hot labels: neither means nor their gradients are copied to positions. With u
    the mean at length 1 and f the feature, the gradient of the cosine is u / |f| - cosine · f / |f|² in f, and
    f / |f| in u, which goes back to all pixels of the class alike.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, member: Tensor) -> Tensor:
        count = member.sum(dim=2)[:, None] + 1e-6
        means = torch.bmm(features, member.mT) / count  # Eq. 1
        size = means.square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-8)
        units = means / size
        length = features.square().sum(dim=1).sqrt()
        inverse = torch.where(length > 0, 1 / length.clamp_min(1e-8), 0)
        cosine = (torch.bmm(units.mT, features) * member).sum(dim=1) * inverse  # Eq. 2
        ctx.save_for_backward(features, member, units, size * count, inverse, cosine)
        return cosine

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        features, member, units, size, inverse, cosine = ctx.saved_tensors
        pull = member * (gradient * inverse)[:, None]
        turn = torch.bmm(features, pull.mT)
        turn = (turn - units * (units * turn).sum(dim=1, keepdim=True)) / size
        slope = features * (-gradient * cosine * inverse.square())[:, None]
        slope.baddbmm_(torch.cat([units, turn], dim=2), torch.cat([pull, member], dim=1))
        return slope, None
