"""Features of patches: averaged under masks, and compared with one another.

Axes: b images, d channels, h rows, w columns, n = h·w patches.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.tensors import at_least_float32, wide_dtype


def product_affinity(feature: Float[Tensor, "b d h w"]) -> Float[Tensor, "b n n"]:
    """Computes affinities of patches as the sigmoid of their product, in [0, 1].

    Source: code of WeCLIP; golden weclip_decoder.
    """
    return _products(_vectors(feature)).sigmoid()


def cosine_affinity(feature: Float[Tensor, "b d h w"], sharpness: float = 3.0) -> Float[Tensor, "b n n"]:
    """Computes affinities of patches by how much their cosine exceeds the mean over all pairs in the batch, in [0, 1].

    Source: code of ExCEL, model_excel.py; golden weclip_decoder.
    """
    similarity = _products(F.normalize(_vectors(feature), dim=1))
    return (sharpness * (similarity - similarity.mean())).sigmoid()


def _vectors(feature: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d n"]:
    return at_least_float32(feature.flatten(2))


def _products(vectors: Float[Tensor, "b d n"]) -> Float[Tensor, "b n n"]:
    with torch.autocast(vectors.device.type, enabled=False):
        return torch.bmm(vectors.mT, vectors)


def masked_mean(
    features: Float[Tensor, "b d h w"], masks: Float[Tensor, "b _ _"]
) -> tuple[Float[Tensor, "b d"], Bool[Tensor, " b"]]:
    """Returns the mean feature under each mask, and whether the mask covers anything; if not, the mean is 0.

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
