"""Affinity of patches that is learned from the attention of a transformer's last blocks.

Axes: b images, a heads of all blocks, n patches.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class AttentionAffinity(nn.Module):
    """A weighted sum of the heads of symmetric attention, through a sigmoid.

    Args:
        heads: number of heads.
        generator: draws the initial weights.

    Source: Ru et al., CVPR 2022 (AFA), Sec. 3.3: A = MLP(S + Sᵀ), S before the softmax (Eq. 1); code, attn_proj, with
    its initial weights.
    """

    def __init__(self, heads: int, generator: torch.Generator) -> None:
        super().__init__()
        self.heads = nn.Linear(heads, 1)
        with torch.no_grad():
            self.heads.weight.normal_(0, 3**-0.5, generator=generator)
            self.heads.bias.uniform_(-(heads**-0.5), heads**-0.5, generator=generator)

    def forward(self, attention: Sequence[Float[Tensor, "b _ n n"]]) -> Float[Tensor, "b n n"]:
        """Returns affinities in [0, 1], equal in both directions, of attention before its softmax."""
        heads = torch.cat(list(attention), dim=1)
        affinity: Tensor = self.heads((heads + heads.mT).movedim(1, 3))[..., 0].sigmoid()
        return affinity
