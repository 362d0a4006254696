"""Plain vision transformers of any shape: ViT, DeiT, DINOv2 with and without registers, DINOv3.

Sources: Dosovitskiy et al., ICLR 2021; Touvron et al., ICML 2021; Oquab et al., TMLR 2024; Darcet et al., ICLR 2024;
Siméoni et al., DINOv3, 2025. Values are those of transformers' classes in evaluation mode.
Axes: b images, n tokens (special ones, then the p patches of a grid), c channels, e of one attention head.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import StageFunction
from seglet.models.backbones.vit import QuickGELU, TappedTransformer
from seglet.models.layers.dropout import DropPath
from seglet.models.layers.feature_pyramid import ALL_STAGES, FeaturePyramid, StageReading
from seglet.models.layers.initialise import CustomInitialisation
from seglet.models.layers.normalise import Normalise
from seglet.tensors import resize_antialiased, resize_half_pixel
from seglet.values import choose_from

_ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    "gelu": nn.GELU,
    "quick_gelu": QuickGELU,
    "silu": nn.SiLU,
    "relu": nn.ReLU,
}

Rotation = tuple[Tensor, Tensor]
"""Cosine and sine of the angles of each patch, [p, e]."""


@dataclass(frozen=True)
class PlainTransformerShape:
    """Shape of a plain vision transformer, in values of JSON.

    Args:
        channels: of each token.
        heads: of attention.
        depth: number of blocks.
        hidden: channels within a block's perceptron.
        patch: side of a patch in pixels.
        side: patches along a side of the table of positions; 0 for rotary positions, which need none.
        tokens: special tokens that have a position: the image's own, and DeiT's second.
        registers: special tokens without a position.
        rotary_base: of the wavelengths of rotary positions.
        smooth: positions are smoothed where their table shrinks.
        scale: initial factor on each residual branch; none: branches have no factors.
        gated: the perceptron's activation gates a second branch.
        activation: one of gelu, quick_gelu, silu and relu.
        biases: layers of attention that have a bias, of q, k, v and o.
        perceptron_bias: whether the perceptron has them.
        eps: of all normalisations.
        taps: the blocks that a decoder reads, counted from 0; by default every quarter's last.

    Raises:
        ValueError: a value is out of its range, or the activation is unknown.
    """

    channels: int
    heads: int
    depth: int
    hidden: int
    patch: int
    side: int
    tokens: int = 1
    registers: int = 0
    rotary_base: float = 100.0
    smooth: bool = False
    scale: float | None = None
    gated: bool = False
    activation: str = "gelu"
    biases: str = "qkvo"
    perceptron_bias: bool = True
    eps: float = 1e-6
    taps: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        counts = (self.channels, self.heads, self.depth, self.hidden, self.patch)
        if min(counts) < 1 or min(self.side, self.tokens, self.registers) < 0 or self.channels % self.heads:
            raise ValueError(f"expected positive numbers, and channels that heads divide, got {self}")
        if self.depth < 4:
            raise ValueError(f"a decoder reads four blocks, but this transformer has {self.depth}")
        if self.side == 0 and (self.channels // self.heads) % 4:
            raise ValueError(f"rotary positions need attention heads of a multiple of 4 channels, got {self}")
        if self.activation not in _ACTIVATIONS:
            raise ValueError(f"unknown activation {self.activation!r}; {choose_from(self.activation, _ACTIVATIONS)}")
        if not self.taps:
            object.__setattr__(self, "taps", tuple(self.depth * quarter // 4 - 1 for quarter in (1, 2, 3, 4)))
        if len(self.taps) != 4 or list(self.taps) != sorted({tap for tap in self.taps if 0 <= tap < self.depth}):
            raise ValueError(f"expected four taps in order, from 0 to {self.depth - 1}, got {self.taps}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PlainTransformerShape":
        """Reads a shape from values of JSON.

        Raises:
            ValueError: a key is unknown or missing, or a value is out of its range.
        """
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                raise ValueError(f"unknown key {key!r} in the shape of a vit backbone; {choose_from(key, known)}")
        try:
            return cls(**{**values, "taps": tuple(values.get("taps", ()))})
        except TypeError as error:
            raise ValueError(f"the shape of a vit backbone is incomplete: {error}") from error


class BranchScale(CustomInitialisation):
    """Learned factor on each channel of a residual branch. Source: Touvron et al., ICCV 2021 (CaiT)."""

    def __init__(self, channels: int, initial: float) -> None:
        super().__init__()
        self.initial = initial
        self.factor = nn.Parameter(torch.full((channels,), initial))

    @torch.no_grad()
    def draw_weights(self, generator: torch.Generator) -> None:
        """Sets all factors to their initial value; draws nothing."""
        self.factor.fill_(self.initial)

    def forward(self, branch: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        return branch * self.factor


class RotarySelfAttention(nn.Module):
    """Self-attention of all tokens to all, whose patches may be rotated by their positions."""

    def __init__(self, channels: int, heads: int, biases: str) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (
            nn.Linear(channels, channels, bias=one in biases) for one in "qkvo"
        )

    def forward(self, tokens: Float[Tensor, "b n c"], rotation: Rotation | None) -> Float[Tensor, "b n c"]:
        query, key, value = (
            layer(tokens).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        if rotation is not None:
            query, key = rotate_patches(query, rotation), rotate_patches(key, rotation)
        mixed: Tensor = self.out(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
        return mixed


class GatedPerceptron(nn.Module):
    """Perceptron of one hidden layer, which a second one gates if `gated` (SwiGLU)."""

    def __init__(self, shape: PlainTransformerShape) -> None:
        super().__init__()
        c, hidden, bias = shape.channels, shape.hidden, shape.perceptron_bias
        self.gate = nn.Linear(c, hidden, bias) if shape.gated else None
        self.up = nn.Linear(c, hidden, bias)
        self.activation = _ACTIVATIONS[shape.activation]()
        self.down = nn.Linear(hidden, c, bias)

    def forward(self, tokens: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        if self.gate is None:
            hidden = self.activation(self.up(tokens))
        else:
            hidden = self.activation(self.gate(tokens)) * self.up(tokens)
        narrowed: Tensor = self.down(hidden)
        return narrowed


class PlainTransformerBlock(nn.Module):
    """Transformer block: attention, then a perceptron, each normalised before, scaled and added to its input."""

    def __init__(self, shape: PlainTransformerShape, drop_path: float) -> None:
        super().__init__()
        c, initial = shape.channels, shape.scale
        self.norm1 = nn.LayerNorm(c, eps=shape.eps)
        self.attention = RotarySelfAttention(c, shape.heads, shape.biases)
        self.scale1 = nn.Identity() if initial is None else BranchScale(c, initial)
        self.norm2 = nn.LayerNorm(c, eps=shape.eps)
        self.perceptron = GatedPerceptron(shape)
        self.scale2 = nn.Identity() if initial is None else BranchScale(c, initial)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Float[Tensor, "b n c"], rotation: Rotation | None) -> Float[Tensor, "b n c"]:
        tokens = tokens + self.drop_path(self.scale1(self.attention(self.norm1(tokens), rotation)))
        residual: Tensor = tokens + self.drop_path(self.scale2(self.perceptron(self.norm2(tokens))))
        return residual


class PlainTransformer(TappedTransformer):
    """A `TappedTransformer` of any shape, with maps of several sizes for the heads that want them.

    Args:
        shape: a `PlainTransformerShape` as values of JSON.
        reading: the stages that a head reads; others are neither normalised nor resized.
        drop_path: stochastic depth of the last block; earlier ones ramp up from 0.
    """

    def __init__(
        self,
        shape: Mapping[str, Any],
        normalise: Normalise,
        reading: StageReading = ALL_STAGES,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__(normalise)
        self.shape = known = PlainTransformerShape.from_dict(shape)
        self.patch, self.taps, c = known.patch, known.taps, known.channels
        self.prefix = known.tokens + known.registers
        self.patches = nn.Conv2d(3, c, known.patch, known.patch)
        self.special = nn.Embedding(self.prefix, c)
        self.positions = nn.Embedding(known.tokens + known.side**2, c) if known.side else None
        ramp = [drop_path * number / (known.depth - 1) for number in range(known.depth)]
        self.blocks = nn.ModuleList(PlainTransformerBlock(known, p) for p in ramp)
        read = reading.places
        self.norms = nn.ModuleList(
            nn.LayerNorm(c, eps=known.eps) if place in read else nn.Identity() for place in range(len(known.taps))
        )
        self.pyramid = FeaturePyramid((c,) * len(known.taps), known.patch, reading)
        self.channels = self.pyramid.channels

    @property
    def guided_channels(self) -> tuple[int, ...]:
        """Channels of the patches, which depth guides before they become maps of other sizes."""
        return (self.shape.channels,) * len(self.taps)

    def added_parts(self) -> tuple[nn.Module, ...]:
        """Returns the pyramid."""
        return (self.pyramid,)

    def draw_weights(self, generator: torch.Generator) -> None:
        """Draws tokens and positions as small as the linear layers."""
        for embedding in (self.special, self.positions):
            if embedding is not None:
                nn.init.trunc_normal_(embedding.weight, std=0.02, generator=generator)

    def tokens(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b n c"]:
        """Returns the input of the first block for normalised images whose sides are multiples of the patch."""
        maps = self.patches(images)
        patches = maps.flatten(2).transpose(1, 2)
        special = self.special.weight.to(patches.dtype).expand(patches.shape[0], -1, -1)
        if self.positions is not None:
            first, places = self.positions_at((maps.shape[2], maps.shape[3]))
            count = self.shape.tokens
            special = torch.cat((special[:, :count] + first, special[:, count:]), dim=1)
            patches = patches + places
        return torch.cat((special, patches), dim=1)

    def positions_at(self, grid: tuple[int, int]) -> tuple[Float[Tensor, "s c"], Float[Tensor, "p c"]]:
        """Returns the positions of the special tokens and, resized bicubically to the grid, of the patches."""
        assert self.positions is not None  # asked for by networks that have a table
        table, side = self.positions.weight, self.shape.side
        first, places = table[: self.shape.tokens], table[self.shape.tokens :]
        square = places.T.reshape(1, -1, side, side).float()
        resize = resize_antialiased if self.shape.smooth else resize_half_pixel
        return first, resize(square, grid, "bicubic")[0].flatten(1).T.to(table.dtype)

    def block_functions(self, grid: tuple[int, int]) -> Iterable[StageFunction]:
        """Returns the blocks, each with the rotation of the grid."""
        rotation = None if self.shape.side else self.rotation(grid)
        return (partial(block, rotation=rotation) for block in self.blocks)

    def rotation(self, grid: tuple[int, int]) -> Rotation:
        """Returns the rotation of each patch by its centre, in [-1, 1] from one side of the image to the other."""
        weight = self.patches.weight
        each = self.shape.channels // self.shape.heads
        waves = torch.arange(0, 1, 4 / each, device=weight.device)
        frequencies = 2 * math.pi / self.shape.rotary_base**waves
        rows, columns = ((2 * torch.arange(count, device=weight.device) + 1) / count - 1 for count in grid)
        centres = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).flatten(0, 1)
        angles = (centres[:, :, None] * frequencies).flatten(1).tile(2)
        return angles.cos().to(weight.dtype), angles.sin().to(weight.dtype)

    def stage(self, place: int, tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> Float[Tensor, "b d _ _"]:
        """Returns a stage at its size in the pyramid."""
        scaled: Tensor = self.pyramid[place](super().stage(place, tokens, grid))
        return scaled


def rotate_patches(tokens: Float[Tensor, "b heads n e"], rotation: Rotation) -> Float[Tensor, "b heads n e"]:
    """Rotates the patches, the last tokens, and leaves the others. Source: Su et al., RoFormer, 2021."""
    cosine, sine = rotation
    special, patches = tokens.tensor_split([tokens.shape[2] - cosine.shape[0]], dim=2)
    first, second = patches.chunk(2, dim=3)
    turned = torch.cat((-second, first), dim=3)
    return torch.cat((special, patches * cosine + turned * sine), dim=2)
