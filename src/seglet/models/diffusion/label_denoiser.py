"""Network f_θ of MixE, which predicts clean labels and the noise of their features.

Axes: b images, k classes, c channels of the features, d of the network, h rows, w columns.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from seglet.models.diffusion.mixed import DenoiserOutput, NoisyState
from seglet.types import IGNORE

_LONGEST = 10_000.0
"""Longest wavelength of the step encoding, in steps."""
_GROUPS = 8


class LabelDenoiser(nn.Module):
    """Maps noisy labels, noisy features and a segmenter's logits (Eq. 8) to class logits and noise, at one size.

    Residual blocks of one 3 x 3 convolution, each scaled and shifted by the step. The paper does not describe
    the network. It runs once a training step and ten times where labels are corrected, so it is small: with the
    defaults, 21 classes and 128 channels 2.7 billion multiply-adds on 128 x 128, beside 107 of a ViT-B/16 on 512 x 512.
    A `corrector` predicts a change of the segmenter's logits, at first none; otherwise the logits themselves.

    Raises:
        ValueError: `width` is no multiple of 8.
    """

    def __init__(self, classes: int, channels: int, width: int = 64, blocks: int = 4, corrector: bool = False) -> None:
        super().__init__()
        if width % _GROUPS or width < _GROUPS:
            raise ValueError(f"expected a width that is a multiple of {_GROUPS}, got {width}")
        self.classes, self.width, self.corrector = classes, width, corrector
        self.labels = nn.Embedding(classes + 1, width)  # the last one is void
        self.condition = nn.Conv2d(channels + classes, width, 1)
        self.clock = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(FilmBlock(width) for _ in range(blocks))
        self.norm = nn.GroupNorm(_GROUPS, width)
        self.to_logits = nn.Conv2d(width, classes, 1)
        self.to_noise = nn.Conv2d(width, channels, 1)
        if corrector:
            for parameter in self.to_logits.parameters():
                nn.init.zeros_(parameter)

    def forward(self, state: NoisyState, logits: Float[Tensor, "b k h w"], steps: Int[Tensor, " b"]) -> DenoiserOutput:
        """Predicts logits and noise; give logits without gradient unless the segmenter is to learn through them."""
        maps = self.condition(torch.cat((state.features, logits), dim=1)) + self.embedded(state.labels)
        code = self.clock(step_encoding(steps, self.width).to(maps.dtype))
        for block in self.blocks:
            maps = block(maps, code)
        maps = F.silu(self.norm(maps))
        found = self.to_logits(maps)
        return DenoiserOutput(logits + found if self.corrector else found, self.to_noise(maps))

    def embedded(self, labels: Integer[Tensor, "b h w"]) -> Float[Tensor, "b d h w"]:
        """Returns an embedding of each label; void has one of its own."""
        known = labels.masked_fill(labels == IGNORE, self.classes).long()
        vectors: Tensor = self.labels(known)
        return vectors.permute(0, 3, 1, 2)


class FilmBlock(nn.Module):
    """Residual block that is normalised, scaled and shifted by the step (FiLM), and convolved."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, width)
        self.film = nn.Linear(width, 2 * width)
        self.convolve = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, maps: Float[Tensor, "b d h w"], code: Float[Tensor, "b d"]) -> Float[Tensor, "b d h w"]:
        scale, shift = self.film(code)[:, :, None, None].chunk(2, dim=1)
        branch: Tensor = self.convolve(F.silu(self.norm(maps) * (1 + scale) + shift))
        return maps + branch


def step_encoding(steps: Int[Tensor, " b"], width: int) -> Float[Tensor, "b d"]:
    """Returns sines and cosines of each step, from short wavelengths to long (Vaswani et al., 2017)."""
    half = width // 2
    rates = torch.exp(torch.arange(half, device=steps.device) * (-math.log(_LONGEST) / half))
    angles = steps[:, None].float() * rates
    return torch.cat((angles.sin(), angles.cos()), dim=1)
