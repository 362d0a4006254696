"""Masked reconstruction of a student's features in Af-DCD and MGD."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class FeatureMasking(nn.Module):
    """Aligns the student's features to the teacher's channels, hides pixels, and reconstructs the map from the rest.

    Two 3×3 convolutions redraw it; at the teacher's 2048 channels they hold 75 million parameters, none of which
    is needed after training. Equal numbers of channels are aligned like others, where Af-DCD's code fails.

    Args:
        hidden: which pixels, a random share or the middle ninth of the image.
        share: of pixels that are hidden at random, in [0, 1].
        enhanced: four convolutions instead of two, of which two read the first and the second in turn.
        always_align: if false, equal numbers of channels are not aligned, as in MGD.

    Source: Fan et al., NeurIPS 2023; Af-DCD, losses/ocmgd.py; golden afdcd. With two convolutions and a random share it
    is the generation of MGD, Yang et al., ECCV 2022.
    """

    def __init__(
        self,
        student_channels: int,
        teacher_channels: int,
        hidden: Literal["random", "middle"] = "random",
        share: float = 0.75,
        enhanced: bool = False,
        always_align: bool = True,
    ) -> None:
        super().__init__()
        if hidden not in ("random", "middle"):
            raise ValueError(f"no hidden pixels {hidden!r}; there are random, middle")
        if not 0 <= share <= 1:
            raise ValueError(f"the hidden share must lie in [0, 1], got {share}")
        self.hidden, self.share = hidden, share
        aligned = always_align or student_channels != teacher_channels
        self.align = nn.Conv2d(student_channels, teacher_channels, 1) if aligned else nn.Identity()
        self.redraw = EnhancedRedraw(teacher_channels) if enhanced else _plain_redraw(teacher_channels)

    def forward(
        self,
        student: Float[Tensor, "b c h w"],
        uniform: Float[Tensor, "b 1 h w"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b d h w"]:
        """Returns the reconstructed map. Pixels are hidden at random where `uniform`, if given, exceeds 1 - share."""
        redrawn: Tensor = self.redraw(self.align(student) * self.visible(student, uniform, generator))
        return redrawn

    def visible(
        self, student: Float[Tensor, "b c h w"], uniform: Tensor | None, generator: torch.Generator | None
    ) -> Bool[Tensor, "b 1 h w"]:
        """Returns a mask of the pixels that stay visible."""
        images, _, height, width = student.shape
        if self.hidden == "middle":
            mask = torch.ones(images, 1, height, width, dtype=torch.bool, device=student.device)
            mask[..., height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = False
            return mask
        if uniform is None:
            source = generator.device if generator else student.device
            uniform = torch.rand(images, 1, height, width, generator=generator, device=source)
        return (uniform <= 1 - self.share).to(student.device)


def _plain_redraw(channels: int) -> nn.Sequential:
    return nn.Sequential(_convolution(channels), nn.ReLU(), _convolution(channels))


class EnhancedRedraw(nn.Module):
    """Mean of two reconstructions, after one convolution and after two."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Sequential(_convolution(channels), nn.ReLU()) for _ in range(2))
        self.early, self.late = _convolution(channels), _convolution(channels)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        once = self.first(features)
        mean: Tensor = (self.early(once) + self.late(self.second(once))) / 2
        return mean


def _convolution(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1)
