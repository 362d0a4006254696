"""From maps on the grid of patches to labels of pixels.

Axes: b images, k classes without background, n = h·w patches, y rows and x columns of pixels.
"""

from functools import partial

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from seglet.labels.cam.affinity import refine_by_affinity
from seglet.labels.cam.background import add_absence_background, labels_between_backgrounds
from seglet.labels.refine.pixel_adaptive import par
from seglet.methods.diclip.config import Config
from seglet.tensors import resize_half_pixel
from seglet.types import with_background, without_background


@torch.no_grad()
def refined_maps(
    config: Config, cams: Float[Tensor, "b k h w"], tags: Float[Tensor, "b k"], images: Float[Tensor, "b 3 y x"]
) -> Float[Tensor, "b k+1 y x"]:
    """Maps of tagged classes and, in front, of the lack of them, moved to the edges of the images by PAR.

    Only the classes that some image has go through PAR, which treats each map alike: that saves most of its time.
    """
    present = tags.any(dim=0)
    if not present.any():
        return with_background(cams.new_zeros(*tags.shape, *images.shape[2:]), 1.0)
    few = add_absence_background(cams[:, present], tags[:, present], images.shape[2:], config.background_power)
    moved = par(few, images, steps=config.par_steps)
    whole = moved.new_zeros(len(cams), cams.shape[1] + 1, images.shape[2], images.shape[3])
    whole[:, with_background(present[None], True)[0]] = moved
    return whole


@torch.no_grad()
def pseudo_labels(
    config: Config, cams: Float[Tensor, "b k h w"], tags: Float[Tensor, "b k"], images: Float[Tensor, "b 3 y x"]
) -> Int64[Tensor, "b y x"]:
    """0 for background, i + 1 for the class of map i, IGNORE where `between` does not know; Sec. III-E."""
    if config.background == "absence":
        return refined_maps(config, cams, tags, images).argmax(dim=1)
    fractions = without_background(add_absence_background(cams, tags, (cams.shape[2], cams.shape[3])))
    enlarged = resize_half_pixel(fractions, images.shape[2:])
    thresholds = (config.background_low, config.background_high)
    refine = partial(par, steps=config.par_steps)
    return labels_between_backgrounds(enlarged, tags, images, thresholds, refine)


def on_grid(cams: Float[Tensor, "b k n"], grid: tuple[int, int]) -> Float[Tensor, "b k h w"]:
    return cams.reshape(*cams.shape[:2], *grid)


@torch.no_grad()
def spread(cams: Float[Tensor, "b k h w"], attention: Float[Tensor, "b n n"], share: float) -> Float[Tensor, "b k h w"]:
    """Maps spread along attention from inside their boxes (CLIP-ES), each filling [0, 1] before and after."""
    flat = without_background(
        add_absence_background(cams, cams.new_ones(cams.shape[:2]), (cams.shape[2], cams.shape[3]))
    )
    return refine_by_affinity(flat, attention, share)
