"""Distillation of feature maps: their values (FitNets) and their attention (attention transfer, AT).

Axes: b images, c channels, h rows, w columns; d channels of the teacher, n = h·w positions.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_places, check_same_shape
from seglet.tensors import at_least_float32


def mean_squared_error(
    student: Float[Tensor, "b c h w"],
    teacher: Float[Tensor, "b c h w"],
    weight: Float[Tensor, "b #c #h #w"] | None = None,
) -> Float[Tensor, ""]:
    """Computes the squared difference of two feature maps, averaged over b·c·h·w; in squared units of the feature.

    A `weight` multiplies each square; the mean is over their number, not their weights.

    A student with fewer channels goes through an adaptor first (`seglet.models.distillation.adaptors`): without bias
    it is FitNet's, with bias the plain MSE of DiffKD's code. Pass the teacher's map detached.

    Raises:
        ValueError: the maps differ in shape or are empty.

    Source: Romero et al., ICLR 2015 (FitNets), Eq. 3; mean as in CIRKD, losses/fitnet.py; golden mse.
    """
    check_same_shape(student, teacher)
    own, other = at_least_float32(student), at_least_float32(teacher)
    return F.mse_loss(own, other) if weight is None else (weight * F.mse_loss(own, other, reduction="none")).mean()


def attention_transfer_loss(student: Float[Tensor, "b c h w"], teacher: Float[Tensor, "b d h w"]) -> Float[Tensor, ""]:
    """Computes the squared difference of two attention maps, averaged over b·h·w; in [0, 2 / (h·w)].

    Attention is the mean square over channels, scaled to length 1 over the image, so channel counts may differ.
    The range explains the authors' weight of 1e4. Pass the teacher's map detached.

    Raises:
        ValueError: the maps differ in other axes than channels or are empty.

    Source: Zagoruyko and Komodakis, ICLR 2017, Eq. 2; mean over pixels as in CIRKD, losses/at.py; golden at.
    """
    check_same_places(student, teacher)
    return F.mse_loss(_attention_vector(student), _attention_vector(teacher))


def _attention_vector(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n"]:
    """Computes the mean square over channels at each position, scaled to length 1; 0 where all features are 0."""
    return F.normalize(at_least_float32(features).square().mean(dim=1).flatten(1))
