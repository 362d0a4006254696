"""Distillation of features as they are.

Axes: b images, c channels, h rows, w columns.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.losses.distillation.shapes import check_same_shape
from seglet.tensors import at_least_float32


def mean_squared_error(student: Float[Tensor, "b c h w"], teacher: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Squared difference of two feature maps, averaged over b·c·h·w; in squared units of the feature, at least 0.

    A student of fewer channels goes through an adaptor first (`seglet.models.distillation.adaptors`): without bias
    it is FitNet's, with bias the plain MSE of DiffKD's code. Give the teacher's map without gradient.

    Raises:
        ValueError: the maps differ in shape or are empty.

    Source: Romero et al., ICLR 2015 (FitNets), Eq. 3; mean as in CIRKD, losses/fitnet.py; golden mse.
    """
    check_same_shape(student, teacher)
    return F.mse_loss(at_least_float32(student), at_least_float32(teacher))
