"""The decoder of single-stage segmentation from image tags (SSSS): masks good enough to be scored as classes.

Source: Araslanov and Roth, CVPR 2020, Sec. 4; SSSS, models/stage_net.py.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.heads.aspp import ASPP
from seglet.models.heads.base import Head, Tail
from seglet.models.heads.gci import GlobalCueInjection
from seglet.models.heads.stochastic_gate import StochasticGate
from seglet.models.heads.with_background import WithBackground
from seglet.models.layers.conv import ConvNormRelu
from seglet.models.layers.dropout import Dropout
from seglet.tensors import resize_align_corners

SKIP = 48 / 256
"""Channels of the skip connection, as a share of the others'."""


@dataclass(frozen=True)
class Grid:
    """Where masks are: the index of the stage at stride 4, or of one that is so many times coarser."""

    shallow: int = 0
    finer: int = 1


class SSSSHead(Head):
    """The deepest stage through ASPP to the grid of a shallow one, joined with it twice: by a skip connection, and
    through a stochastic gate after global cue injection.

    In training mode the stem draws too (the dropout behind ASPP and the gate); Monte-Carlo passes repeat the tail only.

    Args:
        inside: channels of the four stages.
        hidden: channels of everything; 256 as published.
        grid: where masks are; a map that is too coarse for it is resized, as vision transformers have none that fine.
        rates: see `ASPP`.
        dropout: before the classifier; 0.1 as published.
        aspp_dropout: behind ASPP and in the middle of the tail; 0.5 as published.
    """

    def __init__(
        self,
        inside: tuple[int, ...],
        hidden: int,
        num_classes: int,
        grid: Grid = Grid(),
        rates: tuple[int, ...] = (12, 24, 36),
        dropouts: tuple[float, float] = (0.1, 0.5),
    ) -> None:
        super().__init__()
        self.shallow, self.finer = grid.shallow, grid.finer
        last, first = dropouts
        skip = max(1, round(hidden * SKIP))
        self.aspp = ASPP(inside[-1], hidden, rates)
        self.dropout = Dropout(first)
        self.skip = ConvNormRelu(inside[grid.shallow], skip)
        self.merge = ConvNormRelu(hidden + skip, hidden, 3)
        self.injection = GlobalCueInjection(inside[grid.shallow], hidden)
        self.gate = StochasticGate()
        body = OrderedDict(
            conv1=ConvNormRelu(hidden, hidden, 3), dropout=Dropout(first), conv2=ConvNormRelu(hidden, hidden, 3)
        )
        self.tail = Tail(nn.Sequential(body), Dropout(last), WithBackground(hidden, num_classes, constant=1.0))

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
        """Variance 2 / fan-in, as the authors draw it: the background's constant 1 needs logits of about that size."""
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                part.weight.normal_(0, math.sqrt(2 / part.weight[0].numel()), generator=generator)
