"""Networks of DiffKD: the denoiser, the noise adapter and the autoencoder of wide teachers.

Axes: b images, c channels, h rows, w columns. Source of all: DiffKD (Huang et al., NeurIPS 2023) and its code.
"""

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor, nn

KernelSize = Literal[1, 3]
"""Kernel size: 3 for features, with context of neighbours; 1 for logits, without."""

MAX_TIMESTEPS = 1280
"""Number of timestep embeddings; no schedule may have more timesteps."""


def biased_conv_norm(inside: int, outside: int, kernel: int = 1) -> nn.Sequential:
    """Builds a convolution with bias and a batch normalisation."""
    return nn.Sequential(nn.Conv2d(inside, outside, kernel, padding=kernel // 2), nn.BatchNorm2d(outside))


class DenoiserBottleneck(nn.Module):
    """A residual branch that is `reduction` times narrower inside, at least 1 channel wide."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        first, second, third = (
            biased_conv_norm(channels, hidden),
            biased_conv_norm(hidden, hidden, 3),
            biased_conv_norm(hidden, channels),
        )
        self.block = nn.Sequential(*first, nn.ReLU(inplace=True), *second, nn.ReLU(inplace=True), *third)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        branch: Tensor = self.block(maps)
        return maps + branch


def pointwise_layers(channels: int, hidden: int) -> nn.Sequential:
    """Builds two 1x1 convolutions, each normalised."""
    return nn.Sequential(
        *biased_conv_norm(channels, hidden), nn.ReLU(inplace=True), *biased_conv_norm(hidden, channels)
    )


class FeatureDenoiser(nn.Module):
    """Predicts the noise in a map from the map and its timestep."""

    def __init__(self, channels: int, kernel: KernelSize = 3, reduction: int = 4) -> None:
        super().__init__()
        self.timestep = nn.Embedding(MAX_TIMESTEPS, channels)
        if kernel == 3:
            bottlenecks = [DenoiserBottleneck(channels, reduction) for _ in range(2)]
            self.layers = nn.Sequential(*bottlenecks, *biased_conv_norm(channels, channels))
        else:
            last = list(pointwise_layers(channels, 4 * channels))[:-1]  # ends without normalisation
            self.layers = nn.Sequential(*pointwise_layers(channels, 4 * channels), *last)

    def forward(self, maps: Float[Tensor, "b c h w"], timesteps: Int[Tensor, "#b"]) -> Float[Tensor, "b c h w"]:
        noise: Tensor = self.layers(maps + self.timestep(timesteps)[..., None, None])
        return noise


class NoiseAdapter(nn.Module):
    """Decides for each image how much noise a student's features need to match the start of denoising.

    With kernel 1 positions are averaged before the decision; the authors' code has no such mean and takes maps
    of one position only, where both agree.
    """

    def __init__(self, channels: int, kernel: KernelSize = 3) -> None:
        super().__init__()
        self.layers = (
            DenoiserBottleneck(channels, reduction=8) if kernel == 3 else pointwise_layers(channels, 2 * channels)
        )
        self.decide = nn.Linear(channels, 2)

    def share(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b"]:
        """Returns the share of the features that stays, in [0, 1]."""
        decision: Tensor = self.decide(self.layers(maps).mean((2, 3)))
        return decision.softmax(dim=1)[:, 0]

    def forward(self, maps: Float[Tensor, "b c h w"], noise: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        share = self.share(maps).view(-1, 1, 1, 1)
        return share * maps + (1 - share) * noise  # without the roots of a diffusion schedule, as in their code


class FeatureAutoencoder(nn.Module):
    """Autoencoder that narrows a teacher's features and widens them again."""

    def __init__(self, channels: int, code_channels: int) -> None:
        super().__init__()
        self.encoder = biased_conv_norm(channels, code_channels)
        self.decoder = nn.Conv2d(code_channels, channels, 1)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b d h w"], Float[Tensor, "b c h w"]]:
        """Returns the code, and the features reconstructed from it."""
        code = self.encoder(maps)
        return code, self.decoder(code)
