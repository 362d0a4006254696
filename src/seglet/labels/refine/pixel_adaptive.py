"""Pixel-adaptive refinement: masks follow the edges of the image.

PAMR weighs neighbours by colour; PAR does so more steeply and adds a weight by distance.

Axes: b images, k classes, h rows, w columns; c colours, n neighbours, r rows of a band.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.labels.refine.neighbours import (
    DILATIONS,
    check_dilations,
    check_pixels,
    flow_between_neighbours,
    local_deviation,
)
from seglet.tensors import resize_align_corners, wide_dtype


def pamr(
    masks: Float[Tensor, "b k _ _"],
    images: Float[Tensor, "b 3 h w"],
    dilations: tuple[int, ...] = DILATIONS,
    steps: int = 10,
) -> Float[Tensor, "b k h w"]:
    """Refines masks at the size of the images: each pixel becomes the mean of similar neighbours, `steps` times.

    Weights of a pixel's neighbours sum to 1, so masks keep their range and classes that sum to 1 still do. They depend
    on differences in units of the local contrast, hence not on the brightness or scale of the images. Masks of
    another size are first resized with aligned corners. SSSS shrinks the images to its masks instead, which is left to
    the caller. Computes in at least float32, float64 if either input is; there is no gradient.

    Raises:
        ValueError: numbers of images differ; a map or image without pixels; no dilation, or one below 1; steps below 0.

    Source: Araslanov and Roth, CVPR 2020, Sec. 4.3; their code; golden pamr.
    """
    check_pixels(masks, images)
    dtype = wide_dtype(masks, images)
    masks, images = resize_align_corners(masks.to(dtype), images.shape[2:]), images.to(dtype)
    return flow_between_neighbours(masks, images, _pamr_weights, dilations, steps)


def _pamr_weights(differences: Float[Tensor, "n c r w"]) -> Float[Tensor, "n r w"]:
    """Computes the weight of each neighbour; they sum to 1."""
    contrast = local_deviation(differences, own=len(differences) // 8)  # their code counts the pixel once per dilation
    scaled = differences.div_(contrast.mul_(0.1).add_(1e-8)).abs_()
    return torch.softmax(scaled.mean(dim=1).neg_(), dim=0)


def par(
    masks: Float[Tensor, "b k h w"],
    images: Float[Tensor, "b 3 _ _"],
    dilations: tuple[int, ...] = DILATIONS,
    steps: int = 10,
    unit: float = 0.3,
    nearness: float = 0.01,
) -> Float[Tensor, "b k h w"]:
    """Refines masks: each pixel becomes the weighted sum of similar and near neighbours, `steps` times.

    Differences are measured in `unit` standard deviations. The weights of a pixel's neighbours by colour sum to 1,
    those by distance to `nearness`, so masks grow by a hundredth in each step: compare classes, do not read the values
    as probabilities. Images of another size are first resized to the masks with aligned corners; their
    scale does not matter. AFA and MoRe take 10 steps on VOC, AFA 15 on COCO, WeCLIP and ExCEL 20. Computes in at least
    float32, float64 if either input is; there is no gradient.

    Raises:
        ValueError: numbers of images differ; a map or image without pixels; no dilation, or one below 1; steps below 0;
            `unit` is not above 0 or `nearness` is below 0.

    Source: Ru et al., CVPR 2022 (AFA), Sec. 3.4; code of WeCLIP, PAR.py; golden par.
    """
    if not (unit > 0 and nearness >= 0):
        raise ValueError(f"expected a unit above 0 and a nearness of 0 or more, got {unit} and {nearness}")
    check_dilations(dilations)
    check_pixels(masks, images)
    dtype = wide_dtype(masks, images)
    masks, images = masks.to(dtype), resize_align_corners(images.to(dtype), masks.shape[2:])
    near = nearness * _distance_weights(dilations, unit).to(masks)[:, None, None]
    return flow_between_neighbours(
        masks, images, lambda differences: _par_weights(differences, unit).add_(near), dilations, steps
    )


def _par_weights(differences: Float[Tensor, "n c r w"], unit: float) -> Float[Tensor, "n r w"]:
    """Computes the weight by colour of each neighbour; they sum to 1."""
    contrast = local_deviation(differences)
    scaled = differences.div_(contrast.add_(1e-8).mul_(unit)).square_()
    least = torch.finfo(scaled.dtype).min  # where all neighbours but not the pixel are one colour
    return torch.softmax(scaled.mean(dim=1).neg_().clamp_min_(least), dim=0)


def _distance_weights(dilations: tuple[int, ...], unit: float) -> Float[Tensor, " n"]:
    """Computes the weight by distance of each neighbour, in the order of `NeighbourGrid.offsets`; they sum to 1."""
    ring = torch.tensor([2, 1, 2, 1, 1, 2, 1, 2], dtype=torch.float64).sqrt()
    distance = (torch.tensor(dilations, dtype=torch.float64)[:, None] * ring).flatten()
    return torch.softmax(-(distance / (distance.std() + 1e-8) / unit).square(), dim=0)
