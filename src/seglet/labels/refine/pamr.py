"""Pixel-adaptive mask refinement (PAMR): masks follow the edges of the image.

Axes: b images, k classes, h rows, w columns; c colours, n neighbours, r rows of a band.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.labels.refine.neighbours import DILATIONS, check_pixels, flow, spread
from seglet.tensors import resize_align_corners, wide_dtype


def pamr(
    masks: Float[Tensor, "b k _ _"],
    images: Float[Tensor, "b 3 h w"],
    dilations: tuple[int, ...] = DILATIONS,
    steps: int = 10,
) -> Float[Tensor, "b k h w"]:
    """The masks at the size of the images, each pixel `steps` times replaced by the mean of those that look like it.

    Weights of a pixel's neighbours sum to 1, so masks keep their range and classes that sum to 1 still do. They depend
    on differences in units of the local contrast, hence not on the brightness or scale of the images. Masks of
    another size are first resized, corner pixels on corner pixels. SSSS shrinks the images to its masks instead, which
    is the caller's affair. Computes in at least float32, float64 if either input is; no gradient.

    Raises:
        ValueError: numbers of images differ; a map or image without pixels; no dilation, or one below 1; steps below 0.

    Source: Araslanov and Roth, CVPR 2020, Sec. 4.3; their code; golden pamr.
    """
    check_pixels(masks, images)
    dtype = wide_dtype(masks, images)
    masks, images = resize_align_corners(masks.to(dtype), images.shape[2:]), images.to(dtype)
    return flow(masks, images, _likeness, dilations, steps)


def _likeness(differences: Float[Tensor, "n c r w"]) -> Float[Tensor, "n r w"]:
    """Of each neighbour; sums to 1."""
    contrast = spread(differences, own=len(differences) // 8)  # their code counts the pixel once for each dilation
    scaled = differences.div_(contrast.mul_(0.1).add_(1e-8)).abs_()
    return torch.softmax(scaled.mean(dim=1).neg_(), dim=0)
