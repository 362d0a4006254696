"""Attention clustering refinement by products of matrices, against loops over images and centres."""

import torch
from torch import Tensor

from benchmarks._attention import regional_attention
from benchmarks._harness import Result, side_by_side
from seglet.labels.attention.cluster_refinement import refine_attention
from seglet.labels.attention.clusters import _EPSILON

IMAGES, SIDE, GROUPS, STEPS, THRESHOLD, ITERATIONS = 1, 32, 9, 20, 5e-4, 3


def run() -> Result:
    attention = regional_attention(IMAGES, SIDE)

    def same(ours: Tensor, theirs: Tensor) -> bool:
        return torch.allclose(ours, theirs, rtol=1e-4, atol=1e-7)

    shapes = f"{IMAGES}x{SIDE * SIDE}x{SIDE * SIDE} float32, {GROUPS} groups, {ITERATIONS} iterations"
    return side_by_side("acr", lambda: refine_attention(attention), lambda: rival(attention), same, shapes, 3)


def rival(attention: Tensor) -> Tensor:
    refined = attention
    for _ in range(ITERATIONS):
        rows = []
        for image in refined:
            labels = clusters(image)
            related = torch.nn.functional.one_hot(labels).float()
            kept = image * (image >= THRESHOLD).float() * (related @ related.T)
            rows.append(kept / kept.sum(dim=1, keepdim=True))
        refined = torch.stack(rows)
    return refined


def clusters(rows: Tensor) -> Tensor:
    """Farthest rows first, then Lloyd's algorithm, the divergence from one centre after another."""
    gap, centres = divergence(rows, rows.mean(dim=0)), torch.empty(0, rows.shape[1])
    for count in range(GROUPS):
        centres = torch.cat([centres, rows[gap.argmax()][None]])
        new = divergence(rows, centres[-1])
        gap = new if count == 0 else torch.minimum(gap, new)
    labels = torch.stack([divergence(rows, centre) for centre in centres]).argmin(dim=0)
    for _ in range(STEPS - 1):
        means = [rows[labels == group].mean(dim=0) for group in range(GROUPS)]
        centres = torch.stack(
            [centre if mean.isnan().any() else mean for mean, centre in zip(means, centres, strict=True)]
        )
        before, labels = labels, torch.stack([divergence(rows, centre) for centre in centres]).argmin(dim=0)
        if torch.equal(before, labels):
            break
    return labels


def divergence(rows: Tensor, centre: Tensor) -> Tensor:
    return (rows * ((rows + _EPSILON).log() - (centre + _EPSILON).log())).sum(dim=1)
