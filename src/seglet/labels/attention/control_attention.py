"""Attention that knows nothing, or everything: what a diffusion network's is to be compared with.

Axes: b images, n patches; rows sum to 1.
"""

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.labels.attention.acr import same_group, to_rows
from seglet.types import IGNORE


def identity_attention(like: Float[Tensor, "b n n"]) -> Float[Tensor, "b n n"]:
    """Each patch sees itself alone."""
    return torch.eye(like.shape[2], dtype=like.dtype, device=like.device).expand_as(like)


def uniform_attention(like: Float[Tensor, "b n n"]) -> Float[Tensor, "b n n"]:
    """Each patch sees all alike."""
    return torch.full_like(like, 1 / max(1, like.shape[2]))


def oracle_attention(labels: Integer[Tensor, "b n"]) -> Float[Tensor, "b n n"]:
    """Each patch sees those of its own true label alike; one without annotation itself alone. In single precision."""
    annotated = labels != IGNORE
    related = (same_group(labels.long()) & annotated[:, :, None]).float()
    return to_rows(related, identity_attention(related))
