"""What a head may expect of any backbone."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.normalise import Normalise

Stages = tuple[Tensor, Tensor, Tensor, Tensor]
"""Feature maps of the four stages, finest first; one may be as fine as the one before it."""


class Backbone(nn.Module, ABC):
    """Images in [0, 1] to the feature maps of four stages, `channels` wide each."""

    channels: tuple[int, int, int, int]

    def __init__(self, normalise: Normalise) -> None:
        super().__init__()
        self.normalise = normalise

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Stages:
        return self.stages(self.normalise(images))

    @abstractmethod
    def stages(self, images: Float[Tensor, "b 3 h w"]) -> Stages:
        """The same from normalised images."""

    def start(self, generator: torch.Generator) -> None:
        """Draws the weights that should begin otherwise than `initialise` draws them; most backbones have none."""
