"""Label diffusion from its closed form, against products with a transition matrix for each pixel's own rate.

Forward to step 6 and one step of the way back, at C = 81 on 128 x 128; edges have another rate than the rest, so the
plain implementation has a matrix a pixel. `shared_ratio` is against one that knows there are but two of them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks._harness import Result, side_by_side
from seglet.labels.semi.edges import edge_flip_rates, label_edges
from seglet.models.diffusion.categorical import LabelFlips, one_hot_labels

CLASSES, SIDE, STEP = 81, 128, 6
CELL = 16
"""Side of the squares of one label, in pixels."""


@dataclass(frozen=True)
class D3PMResult(Result):
    """`shared` in seconds."""

    shared: float
    shared_ratio: float


def run() -> D3PMResult:
    generator = torch.Generator().manual_seed(0)
    cells = torch.randint(CLASSES, (1, SIDE // CELL, SIDE // CELL), generator=generator)
    labels = cells.repeat_interleave(CELL, 1).repeat_interleave(CELL, 2)
    rates = edge_flip_rates(label_edges(labels))
    belief = torch.randn(1, CLASSES, SIDE, SIDE, generator=generator).softmax(dim=1)
    steps, flips = torch.tensor([STEP]), LabelFlips(rates, CLASSES)
    noisy = flips.flip(labels, steps, generator)
    clean = one_hot_labels(labels, CLASSES).float()

    def ours() -> tuple[Tensor, Tensor]:
        return flips.forward(clean, steps), flips.reverse(noisy, belief, steps)

    def rival() -> tuple[Tensor, Tensor]:
        return matrices(rates.flatten(), clean, noisy, belief)

    def shared() -> tuple[Tensor, Tensor]:
        return two_matrices(rates.flatten(), clean, noisy, belief)

    shapes = f"C = {CLASSES}, {SIDE} x {SIDE}, forward to step {STEP} and one step back"
    first = side_by_side("d3pm", ours, rival, same, shapes, repeats=3)
    second = side_by_side("d3pm", ours, shared, same, shapes)
    values = {**vars(first), "equal": first.equal and second.equal}
    return D3PMResult(**values, shared=second.rival, shared_ratio=second.ratio)


def same(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> bool:
    return all(torch.allclose(x, y, rtol=1e-4, atol=1e-7) for x, y in zip(a, b, strict=True))


def transition(rate: Tensor) -> Tensor:
    """The matrix of each rate, target by source (Eq. 6)."""
    apart = (rate / (CLASSES - 1))[:, None, None].expand(-1, CLASSES, CLASSES)
    return apart + torch.diag_embed((1 - rate - rate / (CLASSES - 1))[:, None].expand(-1, CLASSES))


def powers(once: Tensor) -> tuple[Tensor, Tensor]:
    before = torch.linalg.matrix_power(once, STEP - 1)
    return before, before @ once


def matrices(rates: Tensor, clean: Tensor, noisy: Tensor, belief: Tensor) -> tuple[Tensor, Tensor]:
    """Products with every pixel's own matrix, looked up by rate; a row of pixels at a time, as all would not fit."""
    rows = []
    kinds, which = rates.unique(return_inverse=True)  # type: ignore[no-untyped-call]
    once = transition(kinds)
    before, now = powers(once)
    vectors = (clean.flatten(2)[0].T, one_hot_labels(noisy, CLASSES).float().flatten(2)[0].T, belief.flatten(2)[0].T)
    for start in range(0, len(rates), SIDE):
        part = slice(start, start + SIDE)
        own_once, own_before, own_now = (each[which[part]] for each in (once, before, now))
        source, seen, believed = (v[part, :, None] for v in vectors)
        forward, divisor = own_now @ source, own_now.mT @ seen
        rows.append((forward, (own_once.mT @ seen) * (own_before @ (believed / divisor))))
    return planes([row[0] for row in rows]), planes([row[1] for row in rows])


def planes(rows: list[Tensor]) -> Tensor:
    return torch.cat(rows)[..., 0].T.reshape(1, CLASSES, SIDE, SIDE)


def two_matrices(rates: Tensor, clean: Tensor, noisy: Tensor, belief: Tensor) -> tuple[Tensor, Tensor]:
    """The same with one matrix for edges and one for the rest."""
    kinds, which = rates.unique(return_inverse=True)  # type: ignore[no-untyped-call]
    outcomes = torch.empty(2, CLASSES, len(rates))
    source, believed, seen = clean.flatten(2)[0], belief.flatten(2)[0], noisy.flatten()
    once = transition(kinds)
    before, now = powers(once)
    for kind in range(len(kinds)):
        chosen = which == kind
        backwards, divisor = once[kind].T[:, seen[chosen]], now[kind].T[:, seen[chosen]]
        outcomes[0][:, chosen] = now[kind] @ source[:, chosen]
        outcomes[1][:, chosen] = backwards * (before[kind] @ (believed[:, chosen] / divisor))
    forward, back = outcomes.view(2, 1, CLASSES, SIDE, SIDE)
    return forward, back
