"""The part of a whole image's token grid that a view shows.

Axes: b images, c channels, h rows, w columns.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.tensors import wide_dtype
from seglet.types import Crop


def crop_token_grid(
    grids: Float[Tensor, "b c h w"], crop: Crop, size: tuple[int, int]
) -> Float[Tensor, "b c rows columns"]:
    """What each view's box cuts out of its grid, as `size` (rows, columns) tokens, flipped where the view was.

    Weights are those that resize images (a triangle, widened where it shrinks), so that a grid which is the image
    gives the view. Beyond the image, where views are padded, the nearest tokens go on; see `covered`. Values come in
    at least float32 and are differentiable.

    A column of kind grid is stored as [h, w, c]: `follow(step.columns["name"].permute(0, 3, 1, 2), step.crop, size)`.
    """
    wide = wide_dtype(grids)
    top, left, bottom, right = crop.box.to(grids.device, wide).unbind(dim=1)
    down = _weights(top, bottom, grids.shape[2], size[0])
    across = _weights(left, right, grids.shape[3], size[1])
    across = torch.where(crop.flipped.to(grids.device)[:, None, None], across.flip(1), across)
    with torch.autocast(grids.device.type, enabled=False):
        rows = torch.einsum("byh,bchw->bcyw", down, grids.to(wide))
        return torch.einsum("bxw,bcyw->bcyx", across, rows)


def covered_tokens(crop: Crop, size: tuple[int, int]) -> Bool[Tensor, "b rows columns"]:
    """True for tokens of `follow` whose centre lies in the image."""
    top, left, bottom, right = crop.box.unbind(dim=1)
    down, across = _centres(top, bottom, size[0]), _centres(left, right, size[1])
    across = torch.where(crop.flipped[:, None], across.flip(1), across)
    return _inside(down)[:, :, None] & _inside(across)[:, None, :]


def _inside(centres: Tensor) -> Tensor:
    return (centres >= 0) & (centres < 1)


def _centres(begin: Tensor, end: Tensor, count: int) -> Float[Tensor, "b count"]:
    steps = torch.arange(count, dtype=begin.dtype, device=begin.device) + 0.5
    return begin[:, None] + steps * ((end - begin) / count)[:, None]


def _weights(begin: Tensor, end: Tensor, source: int, count: int) -> Float[Tensor, "b count source"]:
    """How much of each source token goes into each token between `begin` and `end`, fractions of the whole; rows sum
    to 1."""
    reach = ((end - begin) * source / count).clamp_min(1)[:, None, None]  # as Pillow's bilinear filter
    centres = (_centres(begin, end, count) * source).clamp(0.5, source - 0.5)[:, :, None]
    places = torch.arange(source, dtype=begin.dtype, device=begin.device) + 0.5
    weights = (1 - (places - centres).abs() / reach).clamp_min(0)
    return weights / weights.sum(dim=2, keepdim=True)
