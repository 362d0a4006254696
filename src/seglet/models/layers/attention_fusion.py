"""Fusion of another network's attention into that of a transformer.

Axes: b images, a heads, n patches, t = n + 1 tokens, the class token first.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import wide_dtype

AttentionFusion = Literal["own", "other", "gating", "scaling", "normalisation", "sum"]


def fuse_attention(
    own: Float[Tensor, "b a t t"], other: Float[Tensor, "b n n"], how: AttentionFusion = "sum", weight: float = 1.0
) -> Float[Tensor, "b a t t"]:
    """Returns a transformer's attention with its block among patches changed, alike in all heads.

    Attention of and to the class token stays as it was. Rows do not keep their sum, as in the paper: with "sum" they
    grow to nearly 1 + `weight`. If nothing changes, the very tensor that came in is returned, as
    `foundation.attention.changed_attention` expects.

    Args:
        other: rows sum to 1.
        how: "own" changes nothing; "other" puts the other attention in its place, "gating" only where that exceeds
            its mean in the image; "scaling" multiplies both; "sum" adds `weight` times the other; "normalisation"
            puts a softmax over the patches of that sum.

    Raises:
        ValueError: attention of other images or another number of patches; an unknown `how`.

    Source: DiCLIP, Eq. 7 ("sum", weight 1) and Table XII, where "normalisation" and "scaling" collapse and the others
    come close; formulas of the others after Sec. V-A (A.3).
    """
    images, _, tokens, _ = own.shape
    if other.shape != (images, tokens - 1, tokens - 1):
        expected = (images, tokens - 1, tokens - 1)
        raise ValueError(f"attention {tuple(other.shape)} does not fit {tuple(own.shape)}; give {expected}")
    if how == "own" or (how == "sum" and weight == 0):
        return own
    precision = wide_dtype(own)
    patches = _fused(own[..., 1:, 1:].to(precision), other[:, None].to(precision), how, weight)
    fused = own.clone()
    fused[..., 1:, 1:] = patches.to(own.dtype)
    return fused


def _fused(
    own: Float[Tensor, "b a n n"], other: Float[Tensor, "b 1 n n"], how: AttentionFusion, weight: float
) -> Tensor:
    if how == "other":
        return other.expand_as(own)
    if how == "gating":
        return torch.where(other > other.mean(dim=(2, 3), keepdim=True), other, own)
    if how == "scaling":
        return own * other
    if how == "sum":
        return own + weight * other
    if how == "normalisation":
        return (own + weight * other).softmax(dim=3)
    raise ValueError(f"there is no fusion {how!r}; there are own, other, gating, scaling, normalisation and sum")
