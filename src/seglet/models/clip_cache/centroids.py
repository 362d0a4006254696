"""K-means centroids of feature vectors.

Axes: n vectors, d channels, k centroids.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from seglet.tensors import at_least_float32


@torch.no_grad()
def find_centroids(
    vectors: Float[Tensor, "n d"], count: int, steps: int = 50, cosine: bool = False
) -> tuple[Float[Tensor, "k d"], Int64[Tensor, " k"]]:
    """Returns at most `count` centroids, in at least float32, and the number of vectors that each is the mean of.

    Fewer if there are fewer vectors that differ, none of none. The result depends on the vectors alone: the first
    centroid is the vector farthest from the mean, each next one the vector farthest from those before it.

    Args:
        steps: most reassignments.
        cosine: compare directions; centroids have length 1. Otherwise Euclid's distance, as in the paper.

    Raises:
        ValueError: fewer than one centroid.

    Source: Lloyd, 1982, which DiCLIP cites for Eq. 9.
    """
    if count < 1:
        raise ValueError(f"expected at least one centroid, got {count}")
    points = at_least_float32(vectors)
    if cosine:
        points = F.normalize(points, dim=1)
    centres = _far_apart(points, count)
    nearest = torch.full((len(points),), -1, device=points.device)
    for _ in range(steps if len(centres) else 0):
        before, nearest = nearest, _squares(points, centres).argmin(dim=1)
        if torch.equal(before, nearest):
            break
        centres = _means(points, nearest, centres)
        if cosine:
            centres = F.normalize(centres, dim=1)
    counts = torch.bincount(nearest[nearest >= 0], minlength=len(centres))
    return centres[counts > 0], counts[counts > 0]


def _squares(points: Float[Tensor, "n d"], centres: Float[Tensor, "k d"]) -> Float[Tensor, "n k"]:
    with torch.autocast(points.device.type, enabled=False):
        return torch.cdist(points, centres, compute_mode="donot_use_mm_for_euclid_dist")


def _far_apart(points: Float[Tensor, "n d"], count: int) -> Float[Tensor, "k d"]:
    """Returns vectors that differ, at most `count`."""
    if len(points) == 0:
        return points
    gap = _squares(points, points.mean(dim=0, keepdim=True))[:, 0]
    chosen: list[Tensor] = []
    for _ in range(count):
        if chosen and gap.max() == 0:
            break
        chosen.append(points[gap.argmax()])
        new = _squares(points, chosen[-1][None])[:, 0]
        gap = new if len(chosen) == 1 else torch.minimum(gap, new)
    return torch.stack(chosen)


def _means(
    points: Float[Tensor, "n d"], nearest: Int64[Tensor, " n"], before: Float[Tensor, "k d"]
) -> Float[Tensor, "k d"]:
    member = F.one_hot(nearest, len(before)).to(points)
    counts = member.sum(dim=0)[:, None]
    with torch.autocast(points.device.type, enabled=False):
        return torch.where(counts > 0, member.mT @ points / counts.clamp_min(1), before)
