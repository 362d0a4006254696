"""Loss of a learned affinity between patches, against pseudo labels.

Axes: b images, h rows, w columns, n = h·w patches.
"""

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.tensors import at_least_float32, near_patches, resize_labels
from seglet.types import IGNORE


def affinity_loss(affinity: Float[Tensor, "b n n"], pairs: Integer[Tensor, "b n n"]) -> Float[Tensor, ""]:
    """Computes half the mean missing affinity within labels plus half the mean affinity across labels; in [0, 1].

    Affinity lies in [0, 1]. `pairs` is 1 for patches of one label, 0 for patches of different labels, any other
    value where that is unknown; see `pair_labels`. Each mean is over the batch and divides by the number of pairs
    plus one, so that it is 0 without pairs.

    Source: Ru et al., CVPR 2022 (AFA), Eq. 7, whose code adds the one; called diver_loss in the logs of DiCLIP, which
    weighs it 0.1; golden affinity_loss.
    """
    values = at_least_float32(affinity)
    same, apart = pairs == 1, pairs == 0
    within = torch.where(same, 1 - values, 0).sum() / (same.sum() + 1)
    across = torch.where(apart, values, 0).sum() / (apart.sum() + 1)
    return (within + across) / 2


def pair_labels(
    labels: Integer[Tensor, "b _ _"], size: tuple[int, int], radius: int | None = None
) -> Integer[Tensor, "b n n"]:
    """Returns 1 for pairs of patches with one label, 0 for those with different labels, IGNORE for all other pairs.

    Patches form a grid of `size` (h, w); each takes the label of the pixel at or before its place. Other pairs are
    those with an ignored patch and those more than `radius` rows or columns apart (WeCLIP, ExCEL and DiCLIP take 8).
    A patch and itself are a pair.

    Raises:
        ValueError: the radius is negative.

    Source: AFA, code, cams_to_affinity_label and get_mask_by_radius; golden affinity_loss. Another version of this
    code leaves a patch and itself out.
    """
    flat = resize_labels(labels, size).flatten(1)
    known = (flat != IGNORE)[:, :, None] & (flat != IGNORE)[:, None, :] & near_patches(size, radius, labels.device)
    same = (flat[:, :, None] == flat[:, None, :]).to(labels.dtype)
    return same.masked_fill(~known, IGNORE)
