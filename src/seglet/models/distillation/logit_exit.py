"""Exits from a stage of a student to the logits of its teacher."""

from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.layers.conv import ConvNorm, ConvNormRelu


class LogitExit(nn.Module):
    """Maps a feature of any architecture to logits, at the feature's own resolution.

    A depthwise 3×3 and two 1×1 convolutions, with at most `width` channels between them. Trained with the student and
    left behind with the teacher. The exits of OFA's code halve the map between such convolutions and average it in the
    end, since they classify whole images.
    """

    def __init__(self, channels: int, classes: int, width: int = 256) -> None:
        super().__init__()
        inner = min(channels, width)
        self.near = ConvNorm(channels, channels, kernel=3, groups=channels)
        self.mix = ConvNormRelu(channels, inner)
        self.classify = nn.Conv2d(inner, classes, kernel_size=1)

    def forward(self, feature: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Returns logits of every position."""
        logits: Tensor = self.classify(self.mix(self.near(feature)))
        return logits
