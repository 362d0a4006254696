"""Pixel-adaptive refinement (PAR): as PAMR, with steeper weights by colour and some by distance.

Axes: b images, k classes, h rows, w columns; c colours, n neighbours, r rows of a band.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.labels.refine.neighbours import DILATIONS, check_dilations, check_pixels, flow, spread
from seglet.tensors import resize_align_corners, wide_dtype

SHARPNESS = 0.3
"""Differences count in units of this many standard deviations."""

NEARNESS = 0.01
"""What the weights by distance sum to, beside 1 for those by colour."""


def par(
    masks: Float[Tensor, "b k h w"],
    images: Float[Tensor, "b 3 _ _"],
    dilations: tuple[int, ...] = DILATIONS,
    steps: int = 10,
) -> Float[Tensor, "b k h w"]:
    """The masks, each pixel `steps` times replaced by the weighted sum of those that look like it and lie near.

    Weights of a pixel's neighbours sum to 1.01, so masks grow by that factor in each step: compare classes, do not
    read the values as probabilities. Images of another size are first resized to the masks, corner pixels on corner
    pixels; their scale does not matter. AFA and MoRe take 10 steps on VOC, AFA 15 on COCO, WeCLIP and ExCEL 20.
    Computes in at least float32, float64 if either input is; no gradient.

    Raises:
        ValueError: numbers of images differ; a map or image without pixels; no dilation, or one below 1; steps below 0.

    Source: Ru et al., CVPR 2022 (AFA), Sec. 3.4; code of WeCLIP, PAR.py; golden par.
    """
    check_dilations(dilations)
    check_pixels(masks, images)
    dtype = wide_dtype(masks, images)
    masks, images = masks.to(dtype), resize_align_corners(images.to(dtype), masks.shape[2:])
    near = NEARNESS * _nearness(dilations).to(masks)[:, None, None]
    return flow(masks, images, lambda differences: _likeness(differences).add_(near), dilations, steps)


def _likeness(differences: Float[Tensor, "n c r w"]) -> Float[Tensor, "n r w"]:
    """Of each neighbour; sums to 1."""
    contrast = spread(differences)
    scaled = differences.div_(contrast.add_(1e-8).mul_(SHARPNESS)).square_()
    least = torch.finfo(scaled.dtype).min  # where all neighbours but not the pixel are one colour
    return torch.softmax(scaled.mean(dim=1).neg_().clamp_min_(least), dim=0)


def _nearness(dilations: tuple[int, ...]) -> Float[Tensor, " n"]:
    """Of each neighbour, in the order of `Grid.offsets`; sums to 1."""
    ring = torch.tensor([2, 1, 2, 1, 1, 2, 1, 2], dtype=torch.float64).sqrt()
    distance = (torch.tensor(dilations, dtype=torch.float64)[:, None] * ring).flatten()
    return torch.softmax(-(distance / (distance.std() + 1e-8) / SHARPNESS).square(), dim=0)
