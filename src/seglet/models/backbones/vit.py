"""Vision transformers of one resolution, as ImageNet's and CLIP's are. Source: Dosovitskiy et al., ICLR 2021; Radford
et al., ICML 2021. Axes: b images, n tokens (the first stands for the whole image), c channels.
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Backbone, StageFeatures, StageFunction
from seglet.models.backbones.variants import VISION_TRANSFORMERS
from seglet.models.foundation.image_input import round_to_multiple
from seglet.models.layers.dropout import DropPath
from seglet.models.layers.normalise import Normalise
from seglet.tensors import resize_antialiased, resize_half_pixel

_EXPANSION = 4


class QuickGELU(nn.Module):
    """GELU approximated by a sigmoid, as in CLIP."""

    def forward(self, values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return values * torch.sigmoid(1.702 * values)


class TokenSelfAttention(nn.Module):
    """Self-attention of all tokens to all."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, tokens: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        query, key, value = self.query_key_value(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed: Tensor = self.out(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
        return mixed


class TransformerBlock(nn.Module):
    """Transformer block: attention, then a perceptron, each normalised before and added to its input."""

    def __init__(self, channels: int, heads: int, clip: bool = False, drop_path: float = 0.0) -> None:
        super().__init__()
        eps = 1e-5 if clip else 1e-6
        self.norm1 = nn.LayerNorm(channels, eps=eps)
        self.attention = TokenSelfAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels, eps=eps)
        self.perceptron = two_layer_perceptron(channels, QuickGELU() if clip else nn.GELU())
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        tokens = tokens + self.drop_path(self.attention(self.norm1(tokens)))
        residual: Tensor = tokens + self.drop_path(self.perceptron(self.norm2(tokens)))
        return residual


def two_layer_perceptron(channels: int, activation: nn.Module) -> nn.Sequential:
    """Builds a perceptron of two layers, four times as wide between them."""
    return nn.Sequential(
        nn.Linear(channels, _EXPANSION * channels), activation, nn.Linear(_EXPANSION * channels, channels)
    )


class TappedTransformer(Backbone):
    """Plain transformer whose tapped blocks are its stages, each behind a normalisation of its own.

    Depth guides the patches behind the first of them, and so all blocks that follow. Images whose sides are no
    multiples of the patch are resized to the nearest ones, as UniMatch-V2 does. The tokens' residual stream grows with
    depth, hence the norms.
    """

    patch: int
    taps: tuple[int, ...]
    prefix: int = 1
    """Number of tokens that stand before those of the patches."""
    blocks: nn.ModuleList
    norms: nn.ModuleList

    def forward_stages(self, images: Float[Tensor, "b planes h w"]) -> StageFeatures:
        """Returns the tapped blocks as maps.

        Raises:
            ValueError: see `Backbone.forward_stages`.
        """
        prior = self.depth_prior(images)
        size = round_to_multiple((images.shape[2], images.shape[3]), self.patch)
        grid = size[0] // self.patch, size[1] // self.patch
        own: list[Tensor] = []
        stages: list[Tensor] = []
        tokens = self.tokens(resize_antialiased(self.normalise(images[:, : self.colours]), size))
        for number, block in enumerate(self.block_functions(grid)):
            tokens = block(tokens)
            if number in self.taps:
                place, before = len(stages), tokens
                patches = self.patch_map(before, grid)
                guided = self.guided(place, patches, prior)
                own.append(self.stage(place, before, grid))
                if guided is patches:
                    stages.append(own[-1])
                else:
                    tokens = torch.cat((before[:, : self.prefix], guided.flatten(2).transpose(1, 2)), dim=1)
                    stages.append(self.stage(place, tokens, grid))
        return StageFeatures(tuple(stages), tuple(own))

    @abstractmethod
    def tokens(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b n c"]:
        """Returns the input of the first block for normalised images whose sides are multiples of the patch."""

    def block_functions(self, grid: tuple[int, int]) -> Iterable[StageFunction]:
        """Returns the blocks as functions of tokens of a grid of patches."""
        return cast("Iterable[StageFunction]", self.blocks)

    def stage(self, place: int, tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> Float[Tensor, "b d _ _"]:
        """Returns a stage for the tokens behind its block."""
        return self.patch_map(self.norms[place](tokens), grid)

    def patch_map(self, tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> Float[Tensor, "b c h w"]:
        """Returns the patches as a map, without the tokens before them."""
        return tokens[:, self.prefix :].transpose(1, 2).reshape(tokens.shape[0], -1, *grid)


class VisionTransformer(TappedTransformer):
    """A `TappedTransformer` of one of the known shapes; positions are resized bicubically, as in SemiVL's code.

    Args:
        variant: a key of `VISION_TRANSFORMERS`.
        width: factor on the channels of each attention head (rounded to multiples of 4).
        read: which of the taps a head reads; the others are not normalised.
        drop_path: stochastic depth of the last block; earlier ones ramp up from 0.
    """

    def __init__(
        self,
        variant: str,
        normalise: Normalise,
        width: float = 1.0,
        read: tuple[int, ...] = (0, 1, 2, 3),
        drop_path: float = 0.0,
    ) -> None:
        super().__init__(normalise)
        shape = VISION_TRANSFORMERS[variant]
        c = shape.heads * max(4, round(shape.head_channels * width / 4) * 4)
        self.shape = shape
        self.patch, self.taps = shape.patch, shape.taps
        self.channels = (c, c, c, c)
        self.patches = nn.Conv2d(3, c, shape.patch, shape.patch, bias=not shape.clip)
        self.whole = nn.Embedding(1, c)
        self.positions = nn.Embedding(1 + shape.side**2, c)
        self.first_norm = nn.LayerNorm(c, eps=1e-5) if shape.clip else nn.Identity()
        ramp = (drop_path * number / (shape.depth - 1) for number in range(shape.depth))
        self.blocks = nn.ModuleList(TransformerBlock(c, shape.heads, shape.clip, p) for p in ramp)
        norms = (nn.LayerNorm(c) if place in read else nn.Identity() for place in range(len(shape.taps)))
        self.norms = nn.ModuleList(norms)

    def draw_weights(self, generator: torch.Generator) -> None:
        """Draws tokens and positions as small as the linear layers."""
        for embedding in (self.whole, self.positions):
            nn.init.trunc_normal_(embedding.weight, std=0.02, generator=generator)

    def tokens(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b n c"]:
        """Returns the input of the first block for normalised images whose sides are multiples of the patch."""
        maps = self.patches(images)
        patches = maps.flatten(2).transpose(1, 2)
        first = self.whole.weight.expand(patches.shape[0], 1, -1).to(patches.dtype)
        tokens = torch.cat((first, patches), dim=1) + self.positions_at((maps.shape[2], maps.shape[3]))
        given: Tensor = self.first_norm(tokens)
        return given

    def positions_at(self, grid: tuple[int, int]) -> Float[Tensor, "n c"]:
        """Returns the positions resized to a grid of other rows and columns."""
        table, side = self.positions.weight, self.shape.side
        if grid == (side, side):
            return table
        square = table[1:].T.reshape(1, -1, side, side)
        patches = resize_half_pixel(square.float(), grid, "bicubic").to(table.dtype)
        return torch.cat((table[:1], patches[0].flatten(1).T))
