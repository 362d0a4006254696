"""Mini-batch loss of CIRKD: similarities of pixels across the images of a batch.

Axes: b images, c channels of the student, d of the teacher, h rows, w columns, n = h·w pixels.

With M the similarities of all pixels of image i to all of image j, row p is a distribution over the pixels of j.
Two things keep this cheap. M of (j, i) is M of (i, j) transposed, so that one product serves both and softmax is
taken along its rows and its columns. And M is computed in tiles, in two sweeps: the first adds up the denominators of
the softmax, the second uses them for the gradient, which is therefore computed together with the value.
"""

import math
from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_pixels, full_precision, unit_vectors, whole_cache_lines

_TILE = 1024
LEAST_TEMPERATURE = 1 / 64  # e^64, times any number of pixels, is a float32
_Tile = tuple[slice, slice]
_Vectors = tuple[Tensor, Tensor]


def cirkd_minibatch_loss(
    student: Float[Tensor, "b c h w"],
    teacher: Float[Tensor, "b d h w"],
    temperature: float = 0.1,
    pooling: bool = False,
    budget: int = 2**28,
) -> Float[Tensor, ""]:
    """Computes KL(teacher ‖ student) of each pixel's similarities to all pixels of one image, in nats, averaged.

    The mean is over pixels and over all ordered pairs of images, an image with itself included; there is no
    factor temperature². Never negative beyond rounding. Labels are not used. The teacher gets no gradient, and the
    gradient cannot be differentiated again.

    Args:
        pooling: average 2×2 pixels first, which takes 1/16 of the time and memory (CIRKD does so for SegFormer only).
        budget: bytes for the exponentials of an image pair, which are kept between the two sweeps. If they need more,
            they are computed again, which takes 1.7 times as long and makes memory linear in the pixels.

    Raises:
        ValueError: the maps differ in images or size, or `temperature` is below 1/64.

    Source: Yang et al., CVPR 2022; reduction as in CIRKD, losses/cirkd_mini_batch.py; golden cirkd_minibatch.
    """
    check_same_pixels(student, teacher)
    if temperature < LEAST_TEMPERATURE:
        raise ValueError(f"temperature must be at least {LEAST_TEMPERATURE} (1/64), got {temperature}")
    if pooling:
        student, teacher = (F.avg_pool2d(maps, 2, 2, ceil_mode=True) for maps in (student, teacher))
    vectors = [unit_vectors(maps).flatten(2).transpose(1, 2) for maps in (student, teacher.detach())]
    with full_precision(student):
        value: Tensor = _Relations.apply(*vectors, temperature, budget)  # type: ignore[no-untyped-call]
    return value


def cirkd_minibatch_bytes(
    shape: tuple[int, int, int, int], teacher_channels: int, pooling: bool = False, budget: int = 2**28, size: int = 4
) -> int:
    """Estimates the peak bytes that `cirkd_minibatch_loss` needs beside its inputs, for a student map of `shape`.

    `shape` is (b, c, h, w); `size` the number of bytes of one value: 4 unless the maps are float64.
    """
    images, channels, height, width = shape
    pixels = math.ceil(height / 2) * math.ceil(width / 2) if pooling else height * width
    vectors = images * pixels * (2 * channels + 2 * teacher_channels)
    tile = min(_TILE, pixels) ** 2
    pair = 2 * pixels**2
    return size * (vectors + 5 * tile + (pair if pair * size <= budget else 0))


class _Relations(torch.autograd.Function):
    """Loss of unit vectors [b, n, c] and [b, n, d]; its gradient is computed along with it."""

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, temperature: float, budget: int) -> Tensor:
        images, pixels, _ = student.shape
        keep = 2 * pixels**2 * student.element_size() <= budget
        gradient = student.new_zeros(student.shape) if ctx.needs_input_grad[0] else None  # rows, whatever the strides
        total = student.new_zeros(())
        for i, j in combinations_with_replacement(range(images), 2):
            pair = _Pair((student[i], student[j]), (teacher[i], teacher[j]), temperature, i == j, keep)
            total += pair.divergence()
            if gradient is not None:
                pair.add_gradient(gradient[i], gradient[j])
        share = 1 / (images**2 * pixels)
        if gradient is not None:
            ctx.save_for_backward(gradient.mul_(share / temperature))
        return total * share

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * outer, None, None, None


class _Pair:
    """Similarities of two images in student and teacher, in both orders; `alike` if it is one image twice."""

    def __init__(self, student: _Vectors, teacher: _Vectors, temperature: float, alike: bool, keep: bool) -> None:
        self.student, self.teacher = student, teacher
        self.temperature, self.alike, self.keep = temperature, alike, keep
        self.kept: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self.sums = student[0].new_zeros(2, 2, len(student[0]))  # [student or teacher, along rows or columns, pixel]

    def tiles(self) -> Iterator[_Tile]:
        """Returns the tiles; for an image with itself only those on and above the diagonal, since it is symmetric."""
        count = len(self.student[0])
        edge = whole_cache_lines(math.ceil(count / math.ceil(count / _TILE)))
        starts = range(0, count, edge)
        return ((slice(a, a + edge), slice(b, b + edge)) for a in starts for b in starts if a <= b or not self.alike)

    def logits(self, vectors: _Vectors, tile: _Tile) -> Tensor:
        rows, columns = vectors[0][tile[0]] / self.temperature, vectors[1][tile[1]]
        values = rows.new_empty(len(rows), whole_cache_lines(len(columns)))[:, : len(columns)]
        return torch.mm(rows, columns.T, out=values)

    def divergence(self) -> Tensor:
        """Computes the sum over pixels p of Σ_q P_T(q|p) · (M_T - M_S) - log Z_T + log Z_S, in both directions."""
        gaps = torch.zeros_like(self.sums[0])
        for tile in self.tiles():
            ms, mt = self.logits(self.student, tile), self.logits(self.teacher, tile)
            gap = mt - ms
            es, et = ms.exp_(), mt.exp_()
            for totals, values in ((self.sums[0], es), (self.sums[1], et), (gaps, gap.mul_(et))):
                self.add(totals, values, tile)
            if self.keep:
                self.kept[tile[0].start, tile[1].start] = es, et
        if self.alike:  # both directions were added up in one
            self.sums[:, 1], gaps[1] = self.sums[:, 0], 0
        divergences = gaps / self.sums[1] + self.sums[0].log() - self.sums[1].log()
        return divergences[0].sum() if self.alike else divergences.sum()

    def add(self, totals: Tensor, values: Tensor, tile: _Tile) -> None:
        """Adds the row and column sums of a tile; for an image with itself, columns are rows of the mirrored tile."""
        totals[0][tile[0]] += values.sum(dim=1)
        if not self.alike:
            totals[1][tile[1]] += values.sum(dim=0)
        elif tile[0] != tile[1]:
            totals[0][tile[1]] += values.sum(dim=0)

    def add_gradient(self, gradient_i: Tensor, gradient_j: Tensor) -> None:
        """Adds (P_S - P_T) · s of both directions; the caller divides by the temperature and the number of rows."""
        inverse = self.sums.reciprocal()
        for tile in self.tiles():
            es, et = self.exponentials(tile)
            pull = es.mul_(inverse[0, 0, tile[0]][:, None] + inverse[0, 1, tile[1]])
            pull -= et.mul_(inverse[1, 0, tile[0]][:, None] + inverse[1, 1, tile[1]])
            gradient_i[tile[0]].addmm_(pull, self.student[1][tile[1]])
            if not self.alike or tile[0] != tile[1]:
                gradient_j[tile[1]].addmm_(pull.T, self.student[0][tile[0]])

    def exponentials(self, tile: _Tile) -> tuple[Tensor, Tensor]:
        if self.keep:
            return self.kept.pop((tile[0].start, tile[1].start))
        return self.logits(self.student, tile).exp_(), self.logits(self.teacher, tile).exp_()
