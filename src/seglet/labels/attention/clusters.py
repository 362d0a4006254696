"""Clusters of patches with similar attention: k-means of attention rows under the Kullback-Leibler divergence.

Axes: b images, n patches, m patches they attend to, k clusters.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from seglet.tensors import at_least_float32

_EPSILON = 1e-8
"""Added to a share before its logarithm, which keeps divergences finite; as in DiffSeg."""


@torch.no_grad()
def attention_clusters(
    attention: Float[Tensor, "b n m"],
    groups: int = 9,
    steps: int = 20,
    symmetric: bool = False,
    generator: torch.Generator | None = None,
) -> Int64[Tensor, "b n"]:
    """Returns the cluster of each patch, from 0 up; at most `groups`, fewer where fewer rows differ.

    Rows are distributions over patches. A centre is the mean of its rows, which minimises their divergence from it.
    It ends when no image's clusters change. Without a generator the first centres are rows far from one another,
    beginning with the row farthest from the mean; with one they are drawn, each in proportion to its divergence from
    those before it (k-means++). Computes in at least float32; memory grows by about the size of the
    attention, however many groups.

    Args:
        steps: largest number of reassignments.
        symmetric: use the mean of the divergence of a row from the centre and of the centre from the row, as in
            DiffSeg, instead of the first alone.

    Raises:
        ValueError: there is less than one group or step.

    Source: DiCLIP, Eq. 4, which cites k-means with this divergence and gives no details: 9 groups are from Table
    VI (a), the rest is our reading.
    """
    if groups < 1 or steps < 1:
        raise ValueError(f"expected at least one group and one step, got {groups} and {steps}")
    with torch.autocast(attention.device.type, enabled=False):
        measure = _Divergence(at_least_float32(attention), symmetric)
        centres = _start(measure, min(groups, attention.shape[1]), generator)
        nearest = measure(centres).argmin(dim=2)
        for _ in range(steps - 1):
            before, centres = nearest, _means(measure.rows, nearest, centres)
            nearest = measure(centres).argmin(dim=2)
            if torch.equal(nearest, before):
                break
    return nearest


class _Divergence:
    """Divergence of rows from centres in nats, by matrix products: nothing as large as rows times centres times m."""

    def __init__(self, rows: Float[Tensor, "b n m"], symmetric: bool) -> None:
        logs = rows.add(_EPSILON).log_()
        self.rows = rows
        self.order = torch.einsum("bnm,bnm->bn", rows, logs)[:, :, None]  # minus the entropy
        self.logs = logs if symmetric else None

    def __call__(self, centres: Float[Tensor, "b k m"]) -> Float[Tensor, "b n k"]:
        logs = centres.add(_EPSILON).log_()
        forward = self.order - torch.bmm(self.rows, logs.mT)
        if self.logs is None:
            return forward
        backward = (centres * logs).sum(dim=2)[:, None] - torch.bmm(self.logs, centres.mT)
        return (forward + backward) / 2


def _start(measure: _Divergence, groups: int, generator: torch.Generator | None) -> Float[Tensor, "b k m"]:
    """Returns the first centres; a row is taken twice only when all rows are taken."""
    images = torch.arange(len(measure.rows), device=measure.rows.device)
    gap = measure(measure.rows.mean(dim=1, keepdim=True))[:, :, 0]
    chosen: list[Tensor] = []
    for _ in range(groups):
        row = gap.argmax(dim=1) if generator is None else _drawn(gap, generator)
        chosen.append(measure.rows[images, row])
        new = measure(chosen[-1][:, None])[:, :, 0]
        gap = new if len(chosen) == 1 else torch.minimum(gap, new)
    return torch.stack(chosen, dim=1)


def _drawn(gap: Float[Tensor, "b n"], generator: torch.Generator) -> Int64[Tensor, " b"]:
    """Draws a row of each image with a probability in proportion to `gap`; the first row where all gaps are 0."""
    draw = torch.rand(len(gap), 1, generator=generator, device=generator.device).to(gap)
    reached = gap.clamp_min(0).cumsum(dim=1)
    return torch.searchsorted(reached, draw * reached[:, -1:]).clamp_max(gap.shape[1] - 1)[:, 0]


def _means(
    rows: Float[Tensor, "b n m"], labels: Int64[Tensor, "b n"], before: Float[Tensor, "b k m"]
) -> Float[Tensor, "b k m"]:
    """Computes the mean row of each cluster; a cluster without rows keeps its centre."""
    member = torch.nn.functional.one_hot(labels, before.shape[1]).to(rows)
    counts = member.sum(dim=1)[:, :, None]
    return torch.where(counts > 0, torch.bmm(member.mT, rows) / counts.clamp_min(1), before)
