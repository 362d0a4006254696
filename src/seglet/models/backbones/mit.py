"""Mix Transformer B0 to B5, the backbone of SegFormer. Source: Xie et al., NeurIPS 2021. Axes: n tokens."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Backbone, StageFunctions
from seglet.models.backbones.variants import MIX_TRANSFORMERS
from seglet.models.layers.dropout import DropPath
from seglet.models.layers.normalise import Normalise

_HEADS = (1, 2, 5, 8)
_REDUCTIONS = (8, 4, 2, 1)
_EXPANSION = 4


class OverlapPatchEmbedding(nn.Module):
    """Overlapping patches to normalised tokens."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2)
        self.norm = nn.LayerNorm(outside)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b n d"], tuple[int, int]]:
        """Returns tokens, and the height and width of their grid."""
        patches = self.conv(maps)
        return self.norm(patches.flatten(2).transpose(1, 2)), (patches.shape[2], patches.shape[3])


class EfficientAttention(nn.Module):
    """Self-attention to keys and values on a grid `reduction` times coarser."""

    def __init__(self, channels: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.out = nn.Linear(channels, channels)
        self.reduction = PatchReduction(channels, reduction) if reduction > 1 else None

    def forward(self, tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> Float[Tensor, "b n c"]:
        query, key, value = self._split(tokens, grid)
        mixed: Tensor = self.out(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
        return mixed

    def products(self, tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> Float[Tensor, "b a n m"]:
        """Returns the products of queries and keys of each head, whose softmax is attention once they are scaled."""
        query, key, _ = self._split(tokens, grid)
        return query @ key.mT

    def _split(self, tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """Returns queries, and keys and values of the coarse grid, each for all heads."""
        coarse = tokens if self.reduction is None else self.reduction(tokens, grid)
        query = self.query(tokens).unflatten(2, (self.heads, -1)).transpose(1, 2)
        key, value = self.key_value(coarse).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return query, key, value


class PatchReduction(nn.Module):
    """Merges `factor` x `factor` tokens into one."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, factor, factor)
        self.norm = nn.LayerNorm(channels)

    def forward(self, tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> Float[Tensor, "b m c"]:
        joined: Tensor = self.norm(self.conv(tokens_to_map(tokens, grid)).flatten(2).transpose(1, 2))
        return joined


class MixFeedForward(nn.Module):
    """Two-layer perceptron with a 3x3 depthwise convolution inside, which encodes positions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels * _EXPANSION
        self.widen = nn.Linear(channels, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.narrow = nn.Linear(hidden, channels)

    def forward(self, tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> Float[Tensor, "b n c"]:
        spread = self.depthwise(tokens_to_map(self.widen(tokens), grid)).flatten(2).transpose(1, 2)
        narrowed: Tensor = self.narrow(F.gelu(spread))
        return narrowed


class MixTransformerBlock(nn.Module):
    """Transformer block: attention, then feed-forward, each normalised before and added to its input."""

    def __init__(self, channels: int, heads: int, reduction: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=1e-6)
        self.attention = EfficientAttention(channels, heads, reduction)
        self.norm2 = nn.LayerNorm(channels, eps=1e-6)
        self.feed_forward = MixFeedForward(channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> Float[Tensor, "b n c"]:
        tokens = tokens + self.drop_path(self.attention(self.norm1(tokens), grid))
        residual: Tensor = tokens + self.drop_path(self.feed_forward(self.norm2(tokens), grid))
        return residual


class MixTransformerStage(nn.Module):
    """One stage: patches, blocks, a normalisation, and back to a map; `drop_paths` has a probability for each block.

    `stride` is that of its patches.
    """

    def __init__(self, inside: int, channels: int, index: int, drop_paths: list[float], stride: int) -> None:
        super().__init__()
        kernel = 7 if index == 0 else 3
        self.patches = OverlapPatchEmbedding(inside, channels, kernel, stride)
        self.blocks = nn.ModuleList(
            MixTransformerBlock(channels, _HEADS[index], _REDUCTIONS[index], p) for p in drop_paths
        )
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        tokens, grid = self.patches(maps)
        for block in self.blocks:
            tokens = block(tokens, grid)
        return tokens_to_map(self.norm(tokens), grid)


class MixTransformer(Backbone):
    """Mix Transformer of one of the sizes B0 to B5.

    Args:
        variant: a key of `MIX_TRANSFORMERS`.
        width: factor on the channels of each attention head (rounded to multiples of 4).
        drop_path: of the last block; earlier ones ramp up from 0.
        last_stride: pixels per position of the last stage; stages that would be coarser keep the grid before them.
    """

    def __init__(
        self, variant: str, normalise: Normalise, width: float = 1.0, drop_path: float = 0.1, last_stride: int = 32
    ) -> None:
        super().__init__(normalise)
        depths = MIX_TRANSFORMERS[variant].depths
        unit = max(4, round(MIX_TRANSFORMERS[variant].head_channels * width / 4) * 4)
        a, b, c, d = (heads * unit for heads in _HEADS)
        self.heads = _HEADS[-1]
        self.channels = (a, b, c, d)
        last = sum(depths) - 1
        ramp = iter([drop_path * block / last for block in range(last + 1)])
        strides = [4 if i == 0 else 2 if 4 * 2**i <= last_stride else 1 for i in range(4)]
        wide = zip((3, a, b, c), self.channels, depths, strict=True)
        self.parts = nn.ModuleList(
            MixTransformerStage(inside, outside, i, [next(ramp) for _ in range(depth)], strides[i])
            for i, (inside, outside, depth) in enumerate(wide)
        )

    def stage_functions(self) -> StageFunctions:
        one, two, three, four = self.parts
        return one, two, three, four


@contextlib.contextmanager
def last_attention(backbone: MixTransformer, blocks: int = 2) -> Iterator[list[Float[Tensor, "b a n n"]]]:
    """Collects the attention of the last blocks, of all heads, as the backbone runs within the block.

    It is that before scale and softmax, products of queries and keys. Gradients pass through it, and the backbone
    computes what it does otherwise.
    """
    found: list[Tensor] = []

    def hook(module: Any, inputs: Any) -> None:
        found.append(module.products(*inputs))

    attentions = [part for part in backbone.modules() if isinstance(part, EfficientAttention)][-blocks:]
    handles = [part.register_forward_pre_hook(hook) for part in attentions]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def tokens_to_map(tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> Float[Tensor, "b c h w"]:
    """Puts tokens back on their grid."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, *grid)
