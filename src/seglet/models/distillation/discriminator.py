"""Discriminator between the logits of a student and those of its teacher.

Axes: b images, k classes, h rows, w columns, n positions.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from seglet.tensors import resize_align_corners

_SMALLEST = 64
"""Smallest side; four halvings leave 4 x 4 of it, which the last convolution covers."""


class SpatialSelfAttention(nn.Module):
    """Self-attention over positions: adds to each a mixture of all, times a gain that starts at 0.

    Source: SAGAN (Zhang et al., ICML 2019), Eq. 1-3.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 8, 1)
        self.key = nn.Conv2d(channels, channels // 8, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Returns the scores of logit maps."""
        query, key, value = (part(maps).flatten(2) for part in (self.query, self.key, self.value))
        attention = (query.mT @ key).softmax(dim=-1)  # b n n; fused kernels have no second derivative
        mixture: Tensor = value @ attention.mT
        return maps + self.gain * mixture.view_as(maps)


class Discriminator(nn.Module):
    """Scores logit maps, higher for the teacher's; one score per 64 x 64 window, stride 16.

    Its input is raw logits, batch-normalised, not probabilities. Maps with a side below 64 are enlarged to it. Autocast
    has no effect: it computes in the precision of its weights. In training mode each pass updates the singular vectors
    and the running statistics.

    Args:
        width: channels of the first convolution, doubled by each of the next three; a multiple of 2.

    Source: SKD (Liu et al., CVPR 2019) and CIRKD, utils/sagan.py; golden skd_holistic.
    """

    def __init__(self, num_classes: int, width: int = 64) -> None:
        super().__init__()
        if num_classes < 1 or width < 2 or width % 2:
            raise ValueError(f"expected at least 1 class and an even width, got {num_classes} and {width}")
        self.num_classes = num_classes
        self.norm = nn.BatchNorm2d(num_classes)
        sizes = [num_classes, *(width * 2**halving for halving in range(4))]
        self.convs = nn.ModuleList(SpectralConv2d(inside, outside) for inside, outside in pairwise(sizes))
        self.attention = nn.ModuleList(SpatialSelfAttention(channels) for channels in (4 * width, 8 * width))
        self.last = nn.Conv2d(8 * width, 1, 4)

    def forward(self, logits: Float[Tensor, "b k _ _"]) -> Float[Tensor, "b 1 h w"]:
        """
        Raises:
            ValueError: `logits` are of another number of classes.
        """
        if logits.shape[1] != self.num_classes:
            raise ValueError(f"this discriminator scores {self.num_classes} classes, got logits of {logits.shape[1]}")
        with torch.autocast(logits.device.type, enabled=False):
            size = (max(_SMALLEST, logits.shape[2]), max(_SMALLEST, logits.shape[3]))
            maps = self.norm(resize_align_corners(logits.to(self.last.weight.dtype), size))
            for index, conv in enumerate(self.convs):
                maps = F.leaky_relu(conv(maps), 0.1)
                if index >= 2:
                    maps = self.attention[index - 2](maps)
            scores: Tensor = self.last(maps)
            return scores

    def frozen_scores(self, logits: Float[Tensor, "b k _ _"]) -> Float[Tensor, "b 1 h w"]:
        """Returns the scores with gradient to `logits` alone.

        A student's loss on them can share a backward pass with the discriminator's own loss.
        """
        still = {name: parameter.detach() for name, parameter in self.named_parameters()}
        scores: Tensor = functional_call(self, still, (logits,))
        return scores


class SpectralConv2d(nn.Conv2d):
    """Spectrally normalised 4x4 convolution of stride 2: its weight, as a matrix by output channel, has norm 1.

    The largest singular value is followed by one power iteration a pass. Training mode keeps the singular
    vectors for the next pass; evaluation mode does not, so its result does not depend on the passes before.

    Source: Miyato et al., ICLR 2018, Algorithm 1; sizes as in CIRKD, utils/sagan.py.
    """

    left: Tensor
    right: Tensor

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, kernel_size=4, stride=2, padding=1)
        self.register_buffer("left", F.normalize(torch.ones(outside), dim=0))
        self.register_buffer("right", F.normalize(torch.ones(inside * 16), dim=0))

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        return F.conv2d(maps, self.weight / self.norm(), self.bias, self.stride, self.padding)

    def norm(self) -> Float[Tensor, ""]:
        """Returns the largest singular value, differentiable in the weight; above 0 even for a weight of zeros."""
        matrix = self.weight.flatten(1)
        with torch.no_grad():  # new tensors: backward passes still hold those of earlier passes
            right = F.normalize(matrix.mT @ self.left, dim=0)
            left = F.normalize(matrix @ right, dim=0)
            if self.training:
                self.right.copy_(right)
                self.left.copy_(left)
        return (left @ (matrix @ right)).clamp_min(torch.finfo(matrix.dtype).tiny)
