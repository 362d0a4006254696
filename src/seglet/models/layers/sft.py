"""Spatial feature transform: features scaled and shifted, place by place, as a prior says.

Axes: b images, c channels, p channels of the prior, h rows, w columns.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.layers.conv import resize

LEAK = 0.1
"""Slope of the authors' LeakyReLU below 0."""


class SFT(nn.Module):
    """`scale` · features + `shift`, both made of a prior, which is brought to the features' size.

    Call `start` after weights are initialised: a scale drawn about 0 would put out the features it is laid over.

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
    def start(self) -> None:
        """Makes the transform the identity, from which it can learn."""
        for layers, value in ((self.scale, 0.0 if self.official else 1.0), (self.shift, 0.0)):
            for name, parameter in layers[-1].named_parameters():
                parameter.fill_(value if name == "bias" else 0.0)

    def forward(self, features: Float[Tensor, "b c h w"], prior: Float[Tensor, "b p _ _"]) -> Float[Tensor, "b c h w"]:
        here = resize(prior, (features.shape[2], features.shape[3]), align_corners=False)
        scale: Tensor = self.scale(here)  # Eq. 9
        shift: Tensor = self.shift(here)
        return features * (scale + 1 if self.official else scale) + shift  # Eq. 10


def _two_layers(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, inside, 1), nn.LeakyReLU(LEAK), nn.Conv2d(inside, outside, 1))
