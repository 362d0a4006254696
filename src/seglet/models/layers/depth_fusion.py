"""Depth guidance of features at several layers (DGF2): structure that darkness does not hide.

Axes: b images, c channels, p channels of the prior, h rows, w columns.
"""

from collections.abc import Sequence
from typing import get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.architecture import DepthTransform
from seglet.models.layers.conv import scaled_channels
from seglet.models.layers.initialise import CustomInitialisation
from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD
from seglet.tensors import resize_half_pixel

_LEAK = 0.1
"""Slope of the authors' LeakyReLU below 0."""
_SMALLEST = 6
"""Sides of a depth map below this are lost in the prior's two unpadded convolutions."""


class SFT(CustomInitialisation):
    """Spatial feature transform: `scale` · features + `shift`, both computed from a prior.

    The prior is resized to the features. `draw_weights` makes the transform the identity: a scale drawn around 0 would
    erase the features that it is applied to.

    Args:
        channels: of the features.
        prior_channels: of the prior.
        official: scale + 1 in place of scale, as in the authors' code; Eq. 10 has no 1.

    Source: Wang et al., CVPR 2018; DGKD-WLSS, Eq. 9-10 and models/sft.py; golden sft.
    """

    def __init__(self, channels: int, prior_channels: int = 64, official: bool = False) -> None:
        super().__init__()
        self.official = official
        self.scale, self.shift = _two_layers(prior_channels, channels), _two_layers(prior_channels, channels)

    @torch.no_grad()
    def draw_weights(self, generator: torch.Generator) -> None:
        """Makes the transform the identity, from which it can learn; draws nothing."""
        for layers, value in ((self.scale, 0.0 if self.official else 1.0), (self.shift, 0.0)):
            for name, parameter in layers[-1].named_parameters():
                parameter.fill_(value if name == "bias" else 0.0)

    def forward(self, features: Float[Tensor, "b c h w"], prior: Float[Tensor, "b p _ _"]) -> Float[Tensor, "b c h w"]:
        """Computes the prior of depth maps."""
        here = resize_half_pixel(prior, (features.shape[2], features.shape[3]))
        scale: Tensor = self.scale(here)  # Eq. 9
        shift: Tensor = self.shift(here)
        return features * (scale + 1 if self.official else scale) + shift  # Eq. 10


def _two_layers(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, inside, 1), nn.LeakyReLU(_LEAK), nn.Conv2d(inside, outside, 1))


class DepthPrior(nn.Module):
    """Convolutions M of Eq. 8, which compute a prior from depth; 321 pixels become 79.

    ReLU in the paper is a leaky one in its code.

    Args:
        width: factor on the channels (rounded to multiples of 8); as published, 8, 128 and 64.

    Source: DGKD-WLSS, CondNet; golden dgf2_stage.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        first, middle, self.channels = (scaled_channels(channels, width) for channels in (8, 128, 64))
        near, apart = nn.Conv2d(3, first, 3), nn.Conv2d(first, middle, 4, stride=4)
        between = [nn.Conv2d(middle, middle, 1) for _ in range(3)]
        layers: list[nn.Module] = [near]
        for layer in (apart, *between, nn.Conv2d(middle, self.channels, 1)):
            layers += [nn.LeakyReLU(_LEAK), layer]
        self.layers = nn.Sequential(*layers)

    def forward(self, depth: Float[Tensor, "b _ h w"]) -> Float[Tensor, "b p h2 w2"]:
        """
        Raises:
            ValueError: depth has neither one nor three channels, or is smaller than 6 pixels.
        """
        channels, *size = depth.shape[1:]
        if channels not in (1, 3) or min(size) < _SMALLEST:
            raise ValueError(
                f"expected depth of 1 or 3 channels and at least {_SMALLEST}x{_SMALLEST}, got {channels} channels of "
                f"{size[0]}x{size[1]}; resize it"
            )
        prior: Tensor = self.layers(depth.expand(-1, 3, -1, -1))
        return prior


def fuse_guided(
    features: Float[Tensor, "b c h w"],
    guided: Float[Tensor, "b c h w"],
    weight: float = 0.5,
    gate: Float[Tensor, ""] | None = None,
) -> Float[Tensor, "b c h w"]:
    """Returns guided features, plus both where both are strong or, by `weight`, both are weak, times the `gate`.

    Source: DGKD-WLSS, Eq. 11-13; golden dgf2_fusion.
    """
    own, other = features.sigmoid(), guided.sigmoid()  # Eq. 11
    attention = weight * (1 - own) * (1 - other) + own * other  # Eq. 12
    added = attention * (features + guided)
    return guided + (added if gate is None else gate * added)  # Eq. 13


class DepthFusion(nn.Module):
    """Depth fusion: one prior for an image, and a transform for each stage that it guides.

    Args:
        channels: of the features, place by place: three places for the paper's WideResNet38, one for its "single".
        way: see `DepthTransform`.
        weight: λ of Eq. 12, in [0, 1].
        official: see `SFT`.
        width: see `DepthPrior`.
        gated: multiply the attention of each place by a trained gate, 0 at first: with the transforms' identity the
            fusion then changes nothing, where Eq. 13 multiplies features by 1.75 to 3 a place.
    """

    def __init__(
        self,
        channels: Sequence[int],
        way: DepthTransform = "dgf2",
        weight: float = 0.5,
        official: bool = False,
        width: float = 1.0,
        gated: bool = False,
    ) -> None:
        super().__init__()
        if not channels or way not in get_args(DepthTransform) or not 0 <= weight <= 1:
            raise ValueError(
                f"expected a place or more, way dgf2 or sft, weight 0 to 1, got {len(channels)}, {way!r}, {weight}"
            )
        self.way, self.weight = way, weight
        self.prior = DepthPrior(width)
        self.transforms = nn.ModuleList(SFT(count, self.prior.channels, official) for count in channels)
        self.gates = _Gates(len(channels)) if gated else None

    def prior_of(self, depth: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b p h2 w2"]:
        """Returns the prior of depth in [0, 1], which is normalised as a grey image would be (the authors' code)."""
        mean, deviation = (depth.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        prior: Tensor = self.prior((depth - mean) / deviation)
        return prior

    def guide(
        self, place: int, features: Float[Tensor, "b c h w"], prior: Float[Tensor, "b p _ _"]
    ) -> Float[Tensor, "b c h w"]:
        """Returns the features of a stage after guidance by a prior of `prior_of`."""
        guided: Tensor = self.transforms[place](features, prior)
        gate = None if self.gates is None else self.gates.values[place]
        return fuse_guided(features, guided, self.weight, gate) if self.way == "dgf2" else guided


class _Gates(CustomInitialisation):
    """One trained factor for each place, 0 at first."""

    def __init__(self, places: int) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.zeros(places))

    @torch.no_grad()
    def draw_weights(self, generator: torch.Generator) -> None:
        """Closes all gates; draws nothing."""
        self.values.zero_()

    def forward(self) -> Float[Tensor, " places"]:
        """Returns the factors."""
        return self.values
