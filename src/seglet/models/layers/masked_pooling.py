"""One vector for what a mask covers.

Axes: b images, d channels, h rows, w columns.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.tensors import wide_dtype


def masked_mean(
    features: Float[Tensor, "b d h w"], masks: Float[Tensor, "b _ _"]
) -> tuple[Float[Tensor, "b d"], Bool[Tensor, " b"]]:
    """The mean feature under each mask, and whether the mask covers anything; if not, the mean is 0.

    A mask of another size counts each place by its mean there, so a place at an object's border counts in part. The
    mean over the complement is that under `1 - masks`. Computes in at least float32.

    Args:
        masks: in [0, 1].

    Source: DiCLIP, Eq. 8.
    """
    precision = wide_dtype(features)
    weights = F.adaptive_avg_pool2d(masks.to(precision)[:, None], (features.shape[2], features.shape[3]))[:, 0]
    total = weights.sum(dim=(1, 2))
    with torch.autocast(features.device.type, enabled=False):
        sums = torch.bmm(features.to(precision).flatten(2), weights.flatten(1)[:, :, None])[:, :, 0]
    return sums / total.clamp_min(torch.finfo(precision).tiny)[:, None], total > 0
