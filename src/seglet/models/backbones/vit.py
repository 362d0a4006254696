"""Vision transformers of one resolution, as ImageNet's and CLIP's are. Source: Dosovitskiy et al., ICLR 2021; Radford
et al., ICML 2021. Axes: b images, n tokens (the first stands for the whole image), c channels.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Backbone, StageFeatures
from seglet.models.backbones.variants import VISION_TRANSFORMERS
from seglet.models.foundation.image_input import round_to_multiple
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

    def __init__(self, channels: int, heads: int, clip: bool = False) -> None:
        super().__init__()
        eps = 1e-5 if clip else 1e-6
        self.norm1 = nn.LayerNorm(channels, eps=eps)
        self.attention = TokenSelfAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels, eps=eps)
        self.perceptron = two_layer_perceptron(channels, QuickGELU() if clip else nn.GELU())

    def forward(self, tokens: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        tokens = tokens + self.attention(self.norm1(tokens))
        residual: Tensor = tokens + self.perceptron(self.norm2(tokens))
        return residual


def two_layer_perceptron(channels: int, activation: nn.Module) -> nn.Sequential:
    """Builds a perceptron of two layers, four times as wide between them."""
    return nn.Sequential(
        nn.Linear(channels, _EXPANSION * channels), activation, nn.Linear(_EXPANSION * channels, channels)
    )


class VisionTransformer(Backbone):
    """The four tapped blocks as stages of one size, each behind a normalisation of its own that starts as the identity.
    Depth guides the patches behind the first of them, and so all blocks that follow.

    Images whose sides are no multiples of the patch are resized to the nearest ones, as UniMatch-V2 does; positions
    are resized bicubically, as in SemiVL's code. The tokens' residual stream grows with depth, hence the norms.

    Args:
        variant: a key of `VISION_TRANSFORMERS`.
        width: factor on the channels of each attention head (rounded to multiples of 4).
        read: which of the taps a head reads; the others are not normalised.
    """

    def __init__(
        self, variant: str, normalise: Normalise, width: float = 1.0, read: tuple[int, ...] = (0, 1, 2, 3)
    ) -> None:
        super().__init__(normalise)
        shape = VISION_TRANSFORMERS[variant]
        c = shape.heads * max(4, round(shape.head_channels * width / 4) * 4)
        self.shape = shape
        self.channels = (c, c, c, c)
        self.patches = nn.Conv2d(3, c, shape.patch, shape.patch, bias=not shape.clip)
        self.whole = nn.Embedding(1, c)
        self.positions = nn.Embedding(1 + shape.side**2, c)
        self.first_norm = nn.LayerNorm(c, eps=1e-5) if shape.clip else nn.Identity()
        self.blocks = nn.ModuleList(TransformerBlock(c, shape.heads, shape.clip) for _ in range(shape.depth))
        norms = (nn.LayerNorm(c) if place in read else nn.Identity() for place in range(len(shape.taps)))
        self.norms = nn.ModuleList(norms)

    def draw_weights(self, generator: torch.Generator) -> None:
        """Draws tokens and positions as small as the linear layers."""
        for embedding in (self.whole, self.positions):
            nn.init.trunc_normal_(embedding.weight, std=0.02, generator=generator)

    def forward_stages(self, images: Float[Tensor, "b planes h w"]) -> StageFeatures:
        """Returns the tapped blocks as maps.

        Raises:
            ValueError: see `Backbone.forward_stages`.
        """
        prior = self.depth_prior(images)
        h, w = (
            side // self.shape.patch for side in round_to_multiple((images.shape[2], images.shape[3]), self.shape.patch)
        )
        own: list[Tensor] = []
        stages: list[Tensor] = []
        tokens = self.tokens(self.normalise(images[:, :3]))
        for number, block in enumerate(self.blocks):
            tokens = block(tokens)
            if number in self.shape.taps:
                place, before = len(stages), tokens
                patches = patches_to_map(before, (h, w))
                guided = self.guided(place, patches, prior)
                norm = self.norms[place]
                own.append(patches_to_map(norm(before), (h, w)))
                if guided is patches:
                    stages.append(own[-1])
                else:
                    tokens = torch.cat((before[:, :1], guided.flatten(2).transpose(1, 2)), dim=1)
                    stages.append(patches_to_map(norm(tokens), (h, w)))
        return StageFeatures(tuple(stages), tuple(own))

    def tokens(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b n c"]:
        """Returns the input of the first block for normalised images."""
        whole = resize_antialiased(images, round_to_multiple((images.shape[2], images.shape[3]), self.shape.patch))
        maps = self.patches(whole)
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


def patches_to_map(tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> Float[Tensor, "b c h w"]:
    """Returns the patches as a map, without the class token."""
    return tokens[:, 1:].transpose(1, 2).reshape(tokens.shape[0], -1, *grid)
