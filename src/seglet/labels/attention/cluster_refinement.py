"""Attention clustering refinement (ACR): attention is kept within clusters of similar patches.

The last four functions make the attention that a diffusion network's is compared with.

Axes: b images, n patches; attention[i, j] is the share that patch i takes from patch j, a row sums to 1.
"""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64, Integer
from torch import Tensor

from seglet.labels.attention.clusters import attention_clusters
from seglet.tensors import at_least_float32
from seglet.types import IGNORE

ClusterPatches = Callable[[Tensor], Tensor]
"""Function from attention b n n to clusters b n, such as `attention_clusters`."""

RelationUpdate = Literal["replace", "add", "product"]
"""Effect of reliable relations on the attention in each iteration of `refine_attention`."""


@torch.no_grad()
def refine_attention(
    attention: Float[Tensor, "b n n"],
    cluster: ClusterPatches = attention_clusters,
    threshold: float = 5e-4,
    iterations: int = 3,
    update: RelationUpdate = "add",
) -> Float[Tensor, "b n n"]:
    """Strengthens the reliable attention within clusters, `iterations` times over; rows sum to 1.

    The paper's text lacks Eq. 6. Reliable relations are the attention of at least `threshold` within a cluster. With
    "add" they are added to the attention, so that the rest fades by about a half in each iteration. With "replace" they
    take its place, after which nothing changes any more unless the clusters do. With "product" they are multiplied with
    it, so that each patch takes the attention of its reliable relatives. Clusters are computed anew in each iteration.
    With "replace" and "product" a row without reliable relations stays as it was; with more than 1 / threshold patches
    that happens to uniform attention. Computes in at least float32.

    Raises:
        ValueError: the threshold or the number of iterations is negative.

    Source: DiCLIP, Eq. 4 to 6; 5e-4 and 3 from Tables VI (c) and VII. The text says that it is applied "recursively"
    and "promotes" relations within a group "while suppressing the irrelevant"; in Table VII scores rise up to the third
    iteration, which "replace" cannot do.
    """
    if threshold < 0 or iterations < 0:
        raise ValueError(f"expected a threshold and a number of iterations from 0 up, got {threshold} and {iterations}")
    refined = at_least_float32(attention)
    for _ in range(iterations):
        kept = refined * same_group(cluster(refined)).logical_and_(refined >= threshold)  # Eq. 6
        with torch.autocast(attention.device.type, enabled=False):
            refined = normalise_rows(_updated(refined, kept, update), refined)
    return refined


def _updated(attention: Float[Tensor, "b n n"], kept: Float[Tensor, "b n n"], update: RelationUpdate) -> Tensor:
    """Returns the attention after its reliable part `kept` is applied, before rows are normalised."""
    if update == "add":
        return attention + kept
    return torch.bmm(kept, attention) if update == "product" else kept


def same_group(groups: Int64[Tensor, "b n"]) -> Bool[Tensor, "b n n"]:
    """Returns the affinity label of each pair of patches: True if they are of one group. Source: DiCLIP, Eq. 5."""
    return groups[:, :, None] == groups[:, None, :]


def normalise_rows(values: Float[Tensor, "b n n"], otherwise: Float[Tensor, "b n n"]) -> Float[Tensor, "b n n"]:
    """Divides rows by their sums; a row whose sum is 0 becomes that of `otherwise`."""
    total = values.sum(dim=2, keepdim=True)
    return torch.where(total > 0, values / total.clamp_min(torch.finfo(values.dtype).tiny), otherwise)


def attention_above_mean(attention: Float[Tensor, "b n n"]) -> Float[Tensor, "b n n"]:
    """Keeps attention above its mean over the image alone; rows sum to 1. A row without any stays as it was.

    Source: DiCLIP, Sec. V-A and Table XI (b), as a baseline of ACR.
    """
    values = at_least_float32(attention)
    return normalise_rows(values.masked_fill(values < values.mean(dim=(1, 2), keepdim=True), 0), values)


def identity_attention(like: Float[Tensor, "b n n"]) -> Float[Tensor, "b n n"]:
    """Returns attention of each patch to itself alone."""
    return torch.eye(like.shape[2], dtype=like.dtype, device=like.device).expand_as(like)


def uniform_attention(like: Float[Tensor, "b n n"]) -> Float[Tensor, "b n n"]:
    """Returns equal attention of each patch to all patches."""
    return torch.full_like(like, 1 / max(1, like.shape[2]))


def oracle_attention(labels: Integer[Tensor, "b n"]) -> Float[Tensor, "b n n"]:
    """Returns equal attention of each patch to all patches of its true label, in single precision.

    A patch labelled IGNORE attends to itself alone.
    """
    annotated = labels != IGNORE
    related = (same_group(labels.long()) & annotated[:, :, None]).float()
    return normalise_rows(related, identity_attention(related))
