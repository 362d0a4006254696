"""Depth told to features at several layers (DGF2): structure that darkness does not hide.

Axes: b images, c channels, p channels of the prior, h rows, w columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.layers.conv import scaled
from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD
from seglet.models.layers.sft import LEAK, SFT

Way = Literal["dgf2", "sft"]
"""`sft` takes what the transform makes of the features; `dgf2` adds to it where both agree."""
SMALLEST = 6
"""Sides of a depth map below this are lost in the prior's two unpadded convolutions."""


@dataclass(frozen=True)
class Guide:
    """How a network is told depth: `places` early stages, the way and λ; see `DepthFusion`.

    `source` is the depth network it learned with, which belongs beside it in use, and `brighten` what its images went
    through first; None where depth came in files, or they were left as they are.

    Raises:
        ValueError: a value is out of its range.
    """

    way: Way = "dgf2"
    places: int = 3
    weight: float = 0.5
    official: bool = False
    source: str | None = None
    brighten: str | None = None

    def __post_init__(self) -> None:
        if self.way not in get_args(Way) or self.places not in (1, 2, 3) or not 0 <= self.weight <= 1:
            raise ValueError(
                f"expected depth told by dgf2 or sft at 1 to 3 places with a weight from 0 to 1, got {self.way!r}, "
                f"{self.places}, {self.weight}"
            )


class DepthPrior(nn.Module):
    """The series of convolutions M of Eq. 8; 321 pixels become 79. With ReLU in the paper, a leaky one in its code.

    Args:
        width: factor on the channels (rounded to multiples of 8); as published, 8, 128 and 64.

    Source: DGKD-WLSS, CondNet; golden dgf2_stage.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        first, middle, self.channels = (scaled(channels, width) for channels in (8, 128, 64))
        near, apart = nn.Conv2d(3, first, 3), nn.Conv2d(first, middle, 4, stride=4)
        between = [nn.Conv2d(middle, middle, 1) for _ in range(3)]
        layers: list[nn.Module] = [near]
        for layer in (apart, *between, nn.Conv2d(middle, self.channels, 1)):
            layers += [nn.LeakyReLU(LEAK), layer]
        self.layers = nn.Sequential(*layers)

    def forward(self, depth: Float[Tensor, "b _ h w"]) -> Float[Tensor, "b p h2 w2"]:
        """
        Raises:
            ValueError: depth has neither one nor three channels, or is smaller than 6 pixels.
        """
        channels, *size = depth.shape[1:]
        if channels not in (1, 3) or min(size) < SMALLEST:
            raise ValueError(
                f"expected depth of 1 or 3 channels and at least {SMALLEST}x{SMALLEST}, got {channels} channels of "
                f"{size[0]}x{size[1]}; resize it"
            )
        prior: Tensor = self.layers(depth.expand(-1, 3, -1, -1))
        return prior


def fuse(
    features: Float[Tensor, "b c h w"], guided: Float[Tensor, "b c h w"], weight: float = 0.5
) -> Float[Tensor, "b c h w"]:
    """Guided features, plus both where both are strong or, by `weight`, both are weak.

    Source: DGKD-WLSS, Eq. 11-13; golden dgf2_fusion.
    """
    own, other = features.sigmoid(), guided.sigmoid()  # Eq. 11
    attention = weight * (1 - own) * (1 - other) + own * other  # Eq. 12
    return guided + attention * (features + guided)  # Eq. 13


class DepthFusion(nn.Module):
    """One prior for an image, and a transform for each place where features meet it.

    Call `start` after weights are initialised; see `SFT`.

    Args:
        channels: of the features, place by place: three places for the paper's WideResNet38, one for its "single".
        way: see `Way`.
        weight: λ of Eq. 12, in [0, 1].
        official: see `SFT`.
        width: see `DepthPrior`.
    """

    def __init__(
        self,
        channels: Sequence[int],
        way: Way = "dgf2",
        weight: float = 0.5,
        official: bool = False,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        if not channels or way not in get_args(Way) or not 0 <= weight <= 1:
            raise ValueError(
                f"expected a place or more, way dgf2 or sft, weight 0 to 1, got {len(channels)}, {way!r}, {weight}"
            )
        self.way, self.weight = way, weight
        self.prior = DepthPrior(width)
        self.transforms = nn.ModuleList(SFT(count, self.prior.channels, official) for count in channels)

    @torch.no_grad()
    def start(self) -> None:
        for transform in self.transforms:
            transform.start()  # type: ignore[operator]

    def tell(self, depth: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b p h2 w2"]:
        """The prior of depth in [0, 1], which is normalised as a grey image would be (the authors' code)."""
        mean, deviation = (depth.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        prior: Tensor = self.prior((depth - mean) / deviation)
        return prior

    def at(
        self, place: int, features: Float[Tensor, "b c h w"], prior: Float[Tensor, "b p _ _"]
    ) -> Float[Tensor, "b c h w"]:
        """The features of a place as depth changes them; the prior is that of `self.prior(depth)`."""
        guided: Tensor = self.transforms[place](features, prior)
        return fuse(features, guided, self.weight) if self.way == "dgf2" else guided
