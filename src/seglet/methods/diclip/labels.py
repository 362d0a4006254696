"""Pseudo labels of pixels from class maps on the grid of patches.

Axes: b images, k classes, f foreground classes, n = h·w patches, y rows and x columns of pixels.
"""

from functools import partial

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from seglet.labels.cam.affinity import refine_by_affinity
from seglet.labels.cam.background import (
    add_absence_background,
    labels_between_backgrounds,
    refine_with_absence,
)
from seglet.labels.refine.pixel_adaptive import par
from seglet.methods.diclip.config import Config
from seglet.tensors import resize_half_pixel
from seglet.types import without_background


@torch.no_grad()
def refine_maps(
    config: Config, cams: Float[Tensor, "b f h w"], tags: Float[Tensor, "b f"], images: Float[Tensor, "b 3 y x"]
) -> Float[Tensor, "b k y x"]:
    """Refines the maps of tagged classes by PAR, with a background map that is strong where no class is."""
    refine = partial(par, steps=config.par_steps)
    return refine_with_absence(cams, tags, images, config.background_power, refine)


@torch.no_grad()
def label_maps_from_cams(
    config: Config, cams: Float[Tensor, "b f h w"], tags: Float[Tensor, "b f"], images: Float[Tensor, "b 3 y x"]
) -> Int64[Tensor, "b y x"]:
    """Computes pseudo labels, IGNORE where `background: between` is undecided (Sec. III-E)."""
    if config.background == "absence":
        return refine_maps(config, cams, tags, images).argmax(dim=1)
    fractions = without_background(add_absence_background(cams, tags, (cams.shape[2], cams.shape[3])))
    enlarged = resize_half_pixel(fractions, images.shape[2:])
    thresholds = (config.background_low, config.background_high)
    refine = partial(par, steps=config.par_steps)
    return labels_between_backgrounds(enlarged, tags, images, thresholds, refine)


def as_grid(patches: Float[Tensor, "b c n"], grid: tuple[int, int]) -> Float[Tensor, "b c h w"]:
    """Returns values of patches as maps on their grid."""
    return patches.reshape(*patches.shape[:2], *grid)


@torch.no_grad()
def spread_along_attention(
    cams: Float[Tensor, "b f h w"], attention: Float[Tensor, "b n n"], share: float
) -> Float[Tensor, "b f h w"]:
    """Spreads maps along attention from inside their boxes (CLIP-ES); each map fills [0, 1] before and after."""
    flat = without_background(
        add_absence_background(cams, cams.new_ones(cams.shape[:2]), (cams.shape[2], cams.shape[3]))
    )
    return refine_by_affinity(flat, attention, share)
