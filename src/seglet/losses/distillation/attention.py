"""Distillation of where a network looks (attention transfer, AT).

Axes: b images, c channels, h rows, w columns; d channels of the teacher.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.losses.distillation.shapes import check_same_places
from seglet.tensors import at_least_float32


def attention_error(student: Float[Tensor, "b c h w"], teacher: Float[Tensor, "b d h w"]) -> Float[Tensor, ""]:
    """Squared difference of two attention maps, averaged over b·h·w; without unit, in [0, 2 / (h·w)].

    Attention is the mean square over channels, scaled to length 1 over the image, so channel counts may differ.
    The range explains the authors' weight of 1e4. Give the teacher's map without gradient.

    Raises:
        ValueError: the maps differ in other axes than channels or are empty.

    Source: Zagoruyko and Komodakis, ICLR 2017, Eq. 2; mean over pixels as in CIRKD, losses/at.py; golden at.
    """
    check_same_places(student, teacher)
    return F.mse_loss(attention(student), attention(teacher))


def attention(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n"]:
    """Mean square over channels at each of the n = h·w positions, as a vector of length 1; 0 where all is 0."""
    return F.normalize(at_least_float32(features).square().mean(dim=1).flatten(1))
