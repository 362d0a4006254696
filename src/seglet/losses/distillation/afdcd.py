"""Losses of Af-DCD: the student's features, aligned to the teacher's channels and redrawn, against the teacher's.

Axes: b images, c channels, h rows, w columns; a patch has p positions, a pixel m groups of channels.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.losses.distillation.feature_maps import full_precision
from seglet.tensors import at_least_float32


def feature_distance(redrawn: Float[Tensor, "b c h w"], teacher: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Computes the squared distance of two maps, summed over channels and pixels and averaged over images.

    It grows with the size of the map; Af-DCD weighs it by about 1e-6. The teacher gets no gradient.

    Source: Fan et al., NeurIPS 2023; the sum as in Af-DCD, losses/ocmgd.py; golden afdcd.
    """
    return (at_least_float32(redrawn) - at_least_float32(teacher.detach())).square().sum() / len(redrawn)


def omni_contrastive_loss(
    redrawn: Float[Tensor, "b c h w"],
    teacher: Float[Tensor, "b c h w"],
    groups: int = 16,
    temperature: float = 0.07,
    pool: int = 4,
    patch: int = 4,
) -> Float[Tensor, ""]:
    """Computes the cross-entropy, in nats, of finding each student vector among the teacher's in the same patch.

    Both maps are max-pooled by `pool`, cut into patches of `patch`² positions (what is left over on the right and
    below is left out) and each pixel's channels into `groups` vectors of neighbours. A vector should be closer, in L1
    over `temperature`, to the teacher's at the same position and group than to any of other groups; those of the
    same group elsewhere in the patch are in neither set. Summed over groups, averaged over positions and images.
    The teacher gets no gradient. Af-DCD pools by 4, on CamVid by 1.

    Raises:
        ValueError: channels cannot be divided into the groups, the pooled map holds no patch, or `temperature` is not
            positive.

    Source: Fan et al., NeurIPS 2023; sets and reduction as in Af-DCD, losses/ocmgd.py; golden afdcd.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    if redrawn.shape[1] % groups:
        raise ValueError(f"{redrawn.shape[1]} channels cannot be divided into {groups} groups; choose a divisor")
    if min(redrawn.shape[-2:]) < pool * patch:
        raise ValueError(f"a map of {tuple(redrawn.shape[-2:])} holds no patch of {patch} after pooling by {pool}")
    with full_precision(redrawn):
        own, other = (_patches(at_least_float32(maps), groups, pool, patch) for maps in (redrawn, teacher.detach()))
        similarity = torch.cdist(own, other, p=1) / -temperature
        found = similarity.diagonal(dim1=1, dim2=2)
        entropy = similarity.masked_fill(_same_group_elsewhere(patch**2, groups, own.device), -torch.inf).logsumexp(2)
        return (entropy - found).sum() / (own.shape[0] * patch**2)


def _patches(
    maps: Float[Tensor, "b c h w"], groups: int, pool: int, patch: int
) -> Float[Tensor, "patches vectors channels"]:
    """Returns the vectors of each patch, ordered by position and then by group."""
    pooled = F.max_pool2d(maps, pool) if pool > 1 else maps
    rows, columns = (side // patch for side in pooled.shape[-2:])
    cut = pooled[..., : rows * patch, : columns * patch]
    split = cut.reshape(len(maps), groups, -1, rows, patch, columns, patch)
    return split.permute(0, 3, 5, 4, 6, 1, 2).reshape(-1, patch**2 * groups, maps.shape[1] // groups)


def _same_group_elsewhere(positions: int, groups: int, device: torch.device) -> Tensor:
    group = torch.arange(groups, device=device).repeat(positions)
    return (group[:, None] == group) & ~torch.eye(len(group), dtype=torch.bool, device=device)
