"""Labels from refined class activation maps, with a constant background (AFA) or the absence of classes (WeCLIP).

Axes: b images, k classes with the background first, f foreground classes, h rows, w columns; s background strengths.
Tags are 1 where a class is in the image, else 0.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from seglet.labels.refine.pixel_adaptive import par
from seglet.tensors import at_least_float32, resize_half_pixel
from seglet.types import IGNORE, with_background

MaskRefiner = Callable[[Tensor, Tensor], Tensor]
"""Function from masks b k h w and images b 3 h w of one size to refined masks, such as `par` and `pamr`."""


@torch.no_grad()
def labels_between_backgrounds(
    cams: Float[Tensor, "b f h w"],
    tags: Float[Tensor, "b f"],
    images: Float[Tensor, "b 3 h w"],
    thresholds: tuple[float, float] = (0.25, 0.7),
    refine: MaskRefiner = par,
    shrink: int = 2,
) -> Int64[Tensor, "b h w"]:
    """Returns labels that hold for a weak and for a strong background; IGNORE where the two disagree.

    `thresholds` are the strengths of the weak and the strong background: constant maps beside the class maps, which
    lie in [0, 1]. A pixel gets the class that wins against the strong background. It gets background if the weak one
    wins, too. The softmax over the background and the tagged classes is refined at 1 / `shrink` of the size, both
    backgrounds in one call. An image without tags is background.

    Raises:
        ValueError: the weak background is stronger than the strong one; an image is smaller than `shrink`.

    Source: AFA, code, refine_cams_with_bkg_v2 (10 steps of PAR; defaults of WeCLIP and ExCEL); golden
    refine_cams_bkg_v2.
    """
    low, high = thresholds
    if low > high:
        raise ValueError(f"the lower threshold {low} is above the higher {high}; swap them")
    size = (cams.shape[2] // shrink, cams.shape[3] // shrink)
    if 0 in size:
        raise ValueError(f"maps {tuple(cams.shape)} are smaller than one pixel when shrunk {shrink} times; use 1")
    cams, tags, names = _tagged_maps(cams, tags)
    small = resize_half_pixel(at_least_float32(cams), size)
    both = torch.stack([with_background(small, level) for level in (low, high)], dim=1)  # b s k h w
    absent = with_background(tags, 1.0)[:, None, :, None, None] == 0
    shares = both.masked_fill(absent, -torch.inf).softmax(dim=2).flatten(1, 2)
    refined = refine(shares, resize_half_pixel(at_least_float32(images), size))
    weak, strong = (resize_half_pixel(maps, cams.shape[2:]).argmax(dim=1) for maps in refined.chunk(2, dim=1))
    labels = names.gather(1, strong.flatten(1)).view_as(strong)
    return labels.masked_fill((strong == 0) & (weak != 0), IGNORE)


def _tagged_maps(
    cams: Float[Tensor, "b f h w"], tags: Float[Tensor, "b f"]
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b c"], Int64[Tensor, "b _"]]:
    """Returns maps and tags of each image's tagged classes, as many as any image has, and their label ids.

    Refinement treats all maps alike, so the others need none, which saves most of its time.
    """
    count = max(1, int((tags != 0).sum(dim=1).amax())) if len(tags) else 1
    chosen = (tags != 0).to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :count]
    maps = cams.gather(1, chosen[:, :, None, None].expand(-1, -1, *cams.shape[2:]))
    return maps, tags.gather(1, chosen), F.pad(chosen + 1, (1, 0))


@torch.no_grad()
def labels_from_absence(
    cams: Float[Tensor, "b f _ _"],
    tags: Float[Tensor, "b f"],
    images: Float[Tensor, "b 3 h w"],
    power: float = 1.0,
    refine: MaskRefiner = partial(par, steps=20),  # noqa: B008  a function, not a state
) -> Int64[Tensor, "b h w"]:
    """Returns labels from maps to which `add_absence_background` is applied, refined at the size of the images.

    An image without tags is background.

    Source: WeCLIP; code of ExCEL, refine_cams_with_bkg_weclip (20 steps of PAR); golden caa_refine.
    """
    return refine(add_absence_background(cams, tags, images.shape[2:], power), at_least_float32(images)).argmax(dim=1)


@torch.no_grad()
def refine_with_absence(
    cams: Float[Tensor, "b f _ _"],
    tags: Float[Tensor, "b f"],
    images: Float[Tensor, "b 3 h w"],
    power: float = 1.0,
    refine: MaskRefiner = partial(par, steps=20),  # noqa: B008  a function, not a state
) -> Float[Tensor, "b k h w"]:
    """Returns maps to which `add_absence_background` is applied, refined at the size of the images.

    Only the maps of an image's tagged classes are refined; those of the others are 0. An image without tags is
    background.
    """
    kept, present, names = _tagged_maps(cams, tags)
    refined = refine(add_absence_background(kept, present, images.shape[2:], power), at_least_float32(images))
    places = names[:, :, None, None].expand_as(refined)
    return refined.new_zeros(len(cams), cams.shape[1] + 1, *images.shape[2:]).scatter(1, places, refined)


@torch.no_grad()
def add_absence_background(
    cams: Float[Tensor, "b f _ _"], tags: Float[Tensor, "b f"], size: torch.Size | tuple[int, int], power: float = 1.0
) -> Float[Tensor, "b k h w"]:
    """Scales maps to [0, 1] and `size` (h, w), and puts a background before them: 1 minus the strongest, to a power.

    Maps of classes without a tag become 0, as do constant maps.

    Source: CLIP-ES and WeCLIP; code of ExCEL, scale_cam_image and refine_cams_with_bkg_weclip; golden caa_refine.
    """
    values = at_least_float32(cams)
    values = values - values.amin(dim=(2, 3), keepdim=True)
    values = values / (1e-7 + values.amax(dim=(2, 3), keepdim=True)) * tags[:, :, None, None]
    values = resize_half_pixel(values, size)
    strongest = with_background(values, 0.0).amax(dim=1, keepdim=True)  # of no class, 0
    return torch.cat([(1 - strongest) ** power, values], dim=1)
