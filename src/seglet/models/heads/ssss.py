"""Head of single-stage segmentation from image tags (SSSS), whose masks are good enough to be scored as classes.

Source: Araslanov and Roth, CVPR 2020, Sec. 4; SSSS, models/stage_net.py.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.heads.base import ForegroundClassifier, Head, Tail
from seglet.models.heads.deeplabv3 import ASPP
from seglet.models.layers.conv import ConvNormRelu
from seglet.models.layers.dropout import Dropout, StochasticModule
from seglet.tensors import resize_align_corners

_SKIP = 48 / 256
"""Channels of the skip connection, as a share of the others'."""


@dataclass(frozen=True)
class MaskGrid:
    """Grid of the masks: the index of the stage at stride 4, or of one that is `finer` times coarser."""

    shallow: int = 0
    finer: int = 1


class SSSSHead(Head):
    """Head that joins the deepest stage, behind ASPP, twice with a shallow one.

    It joins them by a skip connection, and through a stochastic gate after global cue injection. In training mode the
    stem draws too (the dropout behind ASPP and the gate); Monte-Carlo passes repeat the tail only.

    Args:
        inside: channels of the four stages.
        hidden: channels of everything; 256 as published.
        grid: grid of the masks; a map that is too coarse for it is resized, as vision transformers have none that fine.
        rates: see `ASPP`.
        dropouts: before the classifier (0.1 as published), and behind ASPP and in the middle of the tail (0.5).
    """

    def __init__(
        self,
        inside: tuple[int, ...],
        hidden: int,
        num_classes: int,
        grid: MaskGrid = MaskGrid(),
        rates: tuple[int, ...] = (12, 24, 36),
        dropouts: tuple[float, float] = (0.1, 0.5),
    ) -> None:
        super().__init__()
        self.shallow, self.finer = grid.shallow, grid.finer
        last, first = dropouts
        skip = max(1, round(hidden * _SKIP))
        self.aspp = ASPP(inside[-1], hidden, rates)
        self.dropout = Dropout(first)
        self.skip = ConvNormRelu(inside[grid.shallow], skip)
        self.merge = ConvNormRelu(hidden + skip, hidden, 3)
        self.injection = GlobalCueInjection(inside[grid.shallow], hidden)
        self.gate = StochasticGate()
        body = OrderedDict(
            conv1=ConvNormRelu(hidden, hidden, 3), dropout=Dropout(first), conv2=ConvNormRelu(hidden, hidden, 3)
        )
        self.tail = Tail(nn.Sequential(body), Dropout(last), ForegroundClassifier(hidden, num_classes, constant=1.0))

    def stem(self, stages: Stages) -> Float[Tensor, "b c h w"]:
        shallow = stages[self.shallow]
        views = self.dropout(self.aspp(stages[-1]))
        height, width = (self.finer * side for side in shallow.shape[2:])
        if self.finer > 1:
            shallow = resize_align_corners(shallow, (height, width))
        deep = self.merge(torch.cat([resize_align_corners(views, (height, width)), self.skip(shallow)], dim=1))
        trunk: Tensor = self.gate(deep, self.injection(shallow, deep))
        return trunk

    @torch.no_grad()
    def draw_weights(self, generator: torch.Generator) -> None:
        """Draws weights with variance 2 / fan-in, as the authors do.

        The background's constant 1 needs logits of about that size.
        """
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                part.weight.normal_(0, math.sqrt(2 / part.weight[0].numel()), generator=generator)


class GlobalCueInjection(nn.Module):
    """Global cue injection: shallow features scaled and shifted by the strongest deep response of each image.

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


class StochasticGate(StochasticModule):
    """Stochastic gate that mixes two maps.

    In evaluation the result has a share `p` of the shallow map; in training each value comes from one of the two. Each
    call draws anew, whatever the batch size; the authors' gate remembers the shape of its first batch.

    Source: Araslanov and Roth, CVPR 2020, Sec. 4.4; SSSS, models/mods/sg.py; golden stochastic_gate.
    """

    def __init__(self, p: float = 0.3) -> None:  # 0.3 is ψ of the authors' config
        super().__init__(p)

    def forward(self, deep: Float[Tensor, "b c h w"], shallow: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        if not self.training or self.p == 0:
            return deep.lerp(shallow, self.p)
        return mix_by_gate(deep, shallow, self.draw(deep, tuple(deep.shape)) * (1 - self.p), self.p)


def mix_by_gate(
    deep: Float[Tensor, "b c h w"], shallow: Float[Tensor, "b c h w"], keep: Float[Tensor, "b c h w"], p: float
) -> Float[Tensor, "b c h w"]:
    """Mixes two maps: shallow values where `keep` is 0, moved deep values where it is 1.

    Deep values are moved away from the shallow ones so that the mean over draws is `deep`.

    Args:
        keep: 0 with probability `p`, else 1.
    """
    moved = (deep - p * shallow) / (1 - p)
    return shallow + keep * (moved - shallow)
