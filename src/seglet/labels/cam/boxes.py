"""Bounding boxes around the strong regions of a map.

Axes: b images, k classes, h rows, w columns; m maps.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor


@torch.no_grad()
def inside_boxes(maps: Float[Tensor, "b k h w"], share: float) -> Bool[Tensor, "b k h w"]:
    """Returns True for pixels in the bounding box of a region where the map exceeds a share of its maximum.

    Maps lie in [0, 1] and are compared in 256 steps. Regions are 8-connected. Boxes end before the last
    row and column even where the region reaches them, as in the authors' code; a map of zeros has no box.

    Source: CLIP-ES, scoremap2bbox, which asks OpenCV for contours; golden caa_refine.
    """
    if not maps.numel():
        return torch.zeros_like(maps, dtype=torch.bool)
    levels = (maps.flatten(0, 1) * 255).floor()
    limit = (share * levels.amax(dim=(1, 2), keepdim=True).double()).floor()
    strong = levels > limit
    return _painted(_corners(strong), strong).reshape(maps.shape)


def _corners(strong: Bool[Tensor, "m h w"]) -> Int64[Tensor, "4 m h w"]:
    """Returns top, left, and the row and column after the last of each pixel's region; undefined outside regions."""
    _, height, width = strong.shape
    rows = torch.arange(height, device=strong.device, dtype=torch.float32)[:, None].expand(height, width)
    columns = torch.arange(width, device=strong.device, dtype=torch.float32).expand(height, width)
    outside = -float(height + width)
    reach = torch.stack([-rows, -columns, rows, columns])[:, None].where(strong, outside)
    while True:  # each region agrees on its extremes after as many rounds as its longest way has pixels
        further = F.max_pool2d(reach, kernel_size=3, stride=1, padding=1).where(strong, outside)
        if torch.equal(further, reach):
            break
        reach = further
    top, left, bottom, right = reach.long()
    return torch.stack([-top, -left, (bottom + 1).clamp_max(height - 1), (right + 1).clamp_max(width - 1)])


def _painted(corners: Int64[Tensor, "4 m h w"], strong: Bool[Tensor, "m h w"]) -> Bool[Tensor, "m h w"]:
    """Returns True inside any box: counts box corners cumulatively, in time that does not depend on their number."""
    maps, height, width = strong.shape
    owner = strong.nonzero()[:, 0]
    top, left, bottom, right = corners[:, strong]
    edges = torch.zeros(maps, height, width, dtype=torch.int32, device=strong.device)
    one = torch.ones_like(owner, dtype=torch.int32)
    for row, column, sign in ((top, left, 1), (top, right, -1), (bottom, left, -1), (bottom, right, 1)):
        edges.index_put_((owner, row, column), sign * one, accumulate=True)
    return edges.cumsum(dim=1).cumsum(dim=2) > 0
