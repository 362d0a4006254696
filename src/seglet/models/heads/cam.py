"""Image classifier whose activations serve as masks, the baseline of segmentation from tags.

Axes: b images, k classes with the background first, f foreground classes, h rows, w columns.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.heads.base import ForegroundClassifier, Head, Tail
from seglet.models.layers.dropout import Dropout
from seglet.tensors import resize_align_corners
from seglet.types import without_background

_EPSILON = 1e-5


class CAMHead(Head):
    """Head of a 1x1 convolution on the deepest stage, behind a dropout of whole channels (0.5 as published).

    The background's logit is 0, so that a pixel is an object where an activation is positive. Masks as the authors
    make them come from `cam_masks(without_background(logits), …)`, scores from `mean_scores`.

    Source: Zhou et al., CVPR 2016; SSSS, BaselineCAM; golden cam_bg_score.
    """

    def __init__(self, inside: int, num_classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        classifier = ForegroundClassifier(inside, num_classes, constant=0.0, bias=False)
        self.tail = Tail(nn.Identity(), Dropout(dropout, channelwise=True), classifier)

    def stem(self, stages: Stages) -> Float[Tensor, "b c h w"]:
        return stages[-1]

    @torch.no_grad()
    def draw_weights(self, generator: torch.Generator) -> None:
        """Draws weights from Xavier's uniform distribution, as the authors do."""
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                bound = math.sqrt(6 / (part.in_channels + part.out_channels))
                part.weight.uniform_(-bound, bound, generator=generator)


def mean_scores(logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b f"]:
    """Returns logits of presence of every class but the background: the mean activation."""
    return without_background(logits).mean((2, 3))


def cam_masks(
    activations: Float[Tensor, "b f _ _"], size: tuple[int, int], background: float = 0.1
) -> Float[Tensor, "b k h w"]:
    """Returns class activation maps: activations at `size` (h, w) above 0, divided by their class's maximum.

    The background's mask is a constant: an activation above it is an object. A class without positive activation is 0.

    Args:
        activations: class logits of each place, before they are pooled.
        background: score of the background in [0, 1].

    Source: Zhou et al., CVPR 2016; SSSS, BaselineCAM.forward_mask; golden cam_bg_score.
    """
    maps = resize_align_corners(activations, size).relu()
    scaled = maps / (_EPSILON + maps.amax((2, 3), keepdim=True))
    return torch.cat([torch.full_like(scaled[:, :1], background), scaled], dim=1)
