"""Segments of an image without any label: masks that SAM makes of a grid of points, without those that are doubtful.

Axes: s segments, h rows, w columns, y rows and x columns of the network's own masks.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from seglet.models.foundation.promptable import PromptableSegmenter

_AT_ONCE = 64
_OFFSET = 1.0
"""Difference in logits between the two thresholds of a stability score."""


@dataclass(frozen=True)
class GridOptions:
    """Options of the segments of a grid of points; defaults of SAM 2's own generator of masks, at half its points.

    Args:
        points: points of the grid along each side.
        least_score: IoU that the network expects of a mask, below which it is left out.
        least_stability: IoU of a mask at a higher and a lower threshold, below which it is left out.
        overlap: IoU of the boxes of two masks above which the one with the lower score is left out.
    """

    points: int = 16
    least_score: float = 0.8
    least_stability: float = 0.95
    overlap: float = 0.7


@torch.no_grad()
def grid_segments(
    network: PromptableSegmenter, image: Float[Tensor, "1 3 h w"], options: GridOptions = GridOptions()
) -> Bool[Tensor, "s h w"]:
    """Returns the segments of an image; they may overlap, and some pixels may be in none.

    Source: Kirillov et al., ICCV 2023, Sec. 4 and the code's automatic mask generator, without crops.
    """
    encoded, size = network.encode(image), (image.shape[-2], image.shape[-1])
    places = (torch.arange(options.points) + 0.5) / options.points
    grid = torch.cartesian_prod(places, places).flip(1) * torch.tensor([size[1], size[0]])  # x, y
    kept, scores = [], []
    for points in torch.split(grid[:, None], _AT_ONCE):
        found = network.masks(encoded, points.float())
        logits, expected = found.logits.flatten(0, 1), found.scores.flatten()
        inside = network.inside(logits, size)
        good = (expected >= options.least_score) & (stability(inside) >= options.least_stability)
        kept.append(logits[good])
        scores.append(expected[good])
    logits, expected = torch.cat(kept), torch.cat(scores)
    if not len(logits):
        return torch.zeros(0, *size, dtype=torch.bool, device=image.device)
    boxes = mask_boxes(network.inside(logits, size) > 0)
    chosen = logits[without_duplicates(boxes, expected, options.overlap)]
    return torch.cat([network.at_size(one, size) > 0 for one in torch.split(chosen, _AT_ONCE)])


def stability(logits: Float[Tensor, "s y x"]) -> Float[Tensor, " s"]:
    """Returns the IoU of each mask with itself at a higher and a lower threshold; 0 for an empty one."""
    small = (logits > _OFFSET).sum(dim=(1, 2))
    large = (logits > -_OFFSET).sum(dim=(1, 2))
    return small / large.clamp_min(1)


def mask_boxes(masks: Bool[Tensor, "s y x"]) -> Float[Tensor, "s 4"]:
    """Returns the box of each mask: first column and row, and those behind the last; 0 for an empty one."""
    rows, columns = masks.any(dim=2), masks.any(dim=1)
    sides = []
    for filled in (columns, rows):
        first = filled.float().argmax(dim=1)
        behind = filled.shape[1] - filled.flip(1).float().argmax(dim=1)
        some = filled.any(dim=1)
        sides.append((first * some, behind * some))
    (left, right), (top, bottom) = sides
    return torch.stack([left, top, right, bottom], dim=1).float()


def without_duplicates(boxes: Float[Tensor, "s 4"], scores: Float[Tensor, " s"], overlap: float) -> Int64[Tensor, " _"]:
    """Returns the boxes, best first, that overlap with none of a higher score by a larger IoU, without empty ones."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    due = [place for place in scores.argsort(descending=True, stable=True).tolist() if area[place] > 0]
    kept: list[int] = []
    while due:
        best, rest = due[0], torch.tensor(due[1:], dtype=torch.int64, device=boxes.device)
        kept.append(best)
        low = torch.maximum(boxes[best, :2], boxes[rest, :2])
        high = torch.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = (high - low).clamp_min(0).prod(dim=1)
        due = rest[shared / (area[best] + area[rest] - shared) <= overlap].tolist()
    return torch.tensor(kept, dtype=torch.int64, device=boxes.device)
