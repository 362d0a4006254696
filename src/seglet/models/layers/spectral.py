"""Convolutions that cannot amplify."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class SpectralConv2d(nn.Conv2d):
    """A 4x4 convolution of stride 2 whose weight, as a matrix of output channels by the rest, has norm 1.

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
        """The largest singular value, differentiable in the weight; above 0 even for a weight of zeros."""
        matrix = self.weight.flatten(1)
        with torch.no_grad():  # new tensors: backward passes still hold those of earlier passes
            right = F.normalize(matrix.mT @ self.left, dim=0)
            left = F.normalize(matrix @ right, dim=0)
            if self.training:
                self.right.copy_(right)
                self.left.copy_(left)
        return (left @ (matrix @ right)).clamp_min(torch.finfo(matrix.dtype).tiny)
