"""Affinity of patches by the similarity of their features, as a correlation map like attention; several maps as one.

Axes: b images, c channels, n patches, h rows and w columns.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.labels.attention.cluster_refinement import normalise_rows
from seglet.tensors import at_least_float32

AffinityFusion = Literal["mean", "agreement"]


@torch.no_grad()
def feature_affinity(
    features: Float[Tensor, "b c h w"], shift: float = 1.0, sharpness: float = 3.0
) -> Float[Tensor, "b n n"]:
    """Returns how much each patch is related to each other: rows sum to 1, unrelated patches have 0.

    Cosines below `shift` times their mean over the image are unrelated; a softmax over the rest, multiplied by
    `sharpness`, gives the shares. Computes in at least float32.

    Source: ProxyCLIP (Lan et al., ECCV 2024); code of ExCEL, which takes the mean over a batch; golden
    feature_affinity.
    """
    directions = F.normalize(at_least_float32(features).flatten(2), dim=1)
    with torch.autocast(features.device.type, enabled=False):
        similarity = directions.mT @ directions
    similarity = (similarity - shift * similarity.mean(dim=(1, 2), keepdim=True)) * sharpness
    return similarity.masked_fill_(similarity < 0, -torch.inf).softmax(dim=2)


@torch.no_grad()
def fuse_affinities(
    affinities: Sequence[Float[Tensor, "b n n"]], how: AffinityFusion = "mean"
) -> Float[Tensor, "b n n"]:
    """Returns one correlation map for several of the same patches; rows sum to 1.

    Args:
        how: "mean" averages; "agreement" takes the geometric mean, so that patches are related only if all maps say so.
            A row in which they agree nowhere is averaged.
    """
    stacked = torch.stack(list(affinities))
    mean = stacked.mean(dim=0)
    if how == "mean" or len(affinities) == 1:
        return mean
    return normalise_rows(stacked.log().mean(dim=0).exp(), mean)
