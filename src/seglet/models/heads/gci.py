"""Global cue injection: what the deep layers know of the whole image, told to the shallow ones."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.layers.conv import ConvNormRelu


class GlobalCueInjection(nn.Module):
    """Shallow features, normalised, then scaled and shifted by the strongest deep response of each image.

    Source: Araslanov and Roth, CVPR 2020, Sec. 4.3; SSSS, models/mods/gci.py; golden gci.
    """

    def __init__(self, shallow: int, deep: int) -> None:
        super().__init__()
        self.cues = ConvNormRelu(deep, 2 * deep)
        self.conv = nn.Conv2d(shallow, deep, 1, bias=False)
        self.norm = nn.BatchNorm2d(deep, affine=False)
        self.out = ConvNormRelu(deep, deep)

    def forward(self, shallow: Float[Tensor, "b c h w"], deep: Float[Tensor, "b d h2 w2"]) -> Float[Tensor, "b d h w"]:
        scale, shift = self.cues(deep).amax((2, 3), keepdim=True).chunk(2, dim=1)
        injected: Tensor = self.out(F.relu(self.norm(self.conv(shallow)) * (scale + 1) + shift))
        return injected
