"""Crops token grids of whole images to the views taken of them.

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
    """Returns the part of each grid inside the box of its view as `size` (rows, columns) tokens, flipped with it.

    Tokens are interpolated with the weights that resize images (a triangle, wider where the grid shrinks), so a grid
    equal to the image yields the view. Outside the image, where views are padded, the nearest tokens are repeated; see
    `covered_tokens`. The result has at least float32 and is differentiable.

    A column of kind grid is stored as [h, w, c] and passed as `step.columns["name"].permute(0, 3, 1, 2)`.
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
    """Returns True for the tokens of `crop_token_grid` whose centre lies in the image."""
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
    """Returns the weight of each source token in each token between `begin` and `end`, fractions of the whole side.

    Each row sums to 1.
    """
    reach = ((end - begin) * source / count).clamp_min(1)[:, None, None]  # as Pillow's bilinear filter
    centres = (_centres(begin, end, count) * source).clamp(0.5, source - 0.5)[:, :, None]
    places = torch.arange(source, dtype=begin.dtype, device=begin.device) + 0.5
    weights = (1 - (places - centres).abs() / reach).clamp_min(0)
    return weights / weights.sum(dim=2, keepdim=True)
