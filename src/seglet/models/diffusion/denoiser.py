"""The networks inside DiffKD: what predicts noise, what adds it, what makes a wide teacher narrow.

Axes: b images, c channels, h rows, w columns. Source of all: DiffKD (Huang et al., NeurIPS 2023) and its code.
"""

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor, nn

Kernel = Literal[1, 3]
"""3 looks at the neighbours and is for features; 1 does not and is for logits."""

TIMESTEPS = 1280
"""Rows of the table of timesteps; no schedule may have more."""


def conv_norm(inside: int, outside: int, kernel: int = 1) -> nn.Sequential:
    """Convolution with bias, then batch normalisation."""
    return nn.Sequential(nn.Conv2d(inside, outside, kernel, padding=kernel // 2), nn.BatchNorm2d(outside))


class Bottleneck(nn.Module):
    """A residual branch that is `reduction` times narrower inside, at least 1 channel wide."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        first, second, third = conv_norm(channels, hidden), conv_norm(hidden, hidden, 3), conv_norm(hidden, channels)
        self.block = nn.Sequential(*first, nn.ReLU(inplace=True), *second, nn.ReLU(inplace=True), *third)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        branch: Tensor = self.block(maps)
        return maps + branch


def pointwise(channels: int, hidden: int) -> nn.Sequential:
    """Two 1x1 convolutions, each normalised."""
    return nn.Sequential(*conv_norm(channels, hidden), nn.ReLU(inplace=True), *conv_norm(hidden, channels))


class Denoiser(nn.Module):
    """The noise in a map, guessed from the map and its timestep."""

    def __init__(self, channels: int, kernel: Kernel = 3, reduction: int = 4) -> None:
        super().__init__()
        self.timestep = nn.Embedding(TIMESTEPS, channels)
        if kernel == 3:
            bottlenecks = [Bottleneck(channels, reduction) for _ in range(2)]
            self.layers = nn.Sequential(*bottlenecks, *conv_norm(channels, channels))
        else:
            last = list(pointwise(channels, 4 * channels))[:-1]  # ends without normalisation
            self.layers = nn.Sequential(*pointwise(channels, 4 * channels), *last)

    def forward(self, maps: Float[Tensor, "b c h w"], timesteps: Int[Tensor, "#b"]) -> Float[Tensor, "b c h w"]:
        noise: Tensor = self.layers(maps + self.timestep(timesteps)[..., None, None])
        return noise


class NoiseAdapter(nn.Module):
    """How much noise a student's features need to pass for the start of denoising, for each image.

    With kernel 1 positions are averaged before the decision; the authors' code has no such mean and takes maps
    of one position only, where both agree.
    """

    def __init__(self, channels: int, kernel: Kernel = 3) -> None:
        super().__init__()
        self.layers = Bottleneck(channels, reduction=8) if kernel == 3 else pointwise(channels, 2 * channels)
        self.decide = nn.Linear(channels, 2)

    def share(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b"]:
        """The share of the features that stays, in [0, 1]."""
        decision: Tensor = self.decide(self.layers(maps).mean((2, 3)))
        return decision.softmax(dim=1)[:, 0]

    def forward(self, maps: Float[Tensor, "b c h w"], noise: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        share = self.share(maps).view(-1, 1, 1, 1)
        return share * maps + (1 - share) * noise  # without the roots of a diffusion schedule, as in their code


class Autoencoder(nn.Module):
    """Makes a teacher's features narrower and wide again."""

    def __init__(self, channels: int, code_channels: int) -> None:
        super().__init__()
        self.encoder = conv_norm(channels, code_channels)
        self.decoder = nn.Conv2d(code_channels, channels, 1)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b d h w"], Float[Tensor, "b c h w"]]:
        """The code, and the features made from it."""
        code = self.encoder(maps)
        return code, self.decoder(code)
