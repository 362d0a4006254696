"""Mini-batch loss of CIRKD: similarities of pixels across the images of a batch.

Axes: b images, c channels of the student, d of the teacher, h rows, w columns, n pixels of all images together.

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
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_pixels, full_precision, unit_vectors, whole_cache_lines
from seglet.tensors import at_least_float32

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
    counted: Bool[Tensor, "b h w"] | None = None,
) -> Float[Tensor, ""]:
    """Computes KL(teacher ‖ student) of each pixel's similarities to all pixels of one image, in nats, averaged.

    The mean is over pixels and over all ordered pairs of images, an image with itself included; there is no
    factor temperature². Never negative beyond rounding. The teacher gets no gradient, and the gradient cannot be
    differentiated again.

    Args:
        pooling: average 2×2 pixels first, which takes 1/16 of the time and memory (CIRKD does so for SegFormer only).
        counted: pixels where it is false are compared with nothing and nothing with them; each other pixel still
            counts alike, so images with more of them count more. With pooling, counted pixels alone are averaged.
            Without any the loss is 0.
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
        student, teacher, counted = _pool(student, counted), _pool(teacher, counted), _pool_counted(counted)
    vectors = [unit_vectors(maps).permute(0, 2, 3, 1) for maps in (student, teacher.detach())]
    own, other = (maps.flatten(0, 2) if counted is None else maps[counted] for maps in vectors)
    pixels = [student[0, 0].numel()] * len(student) if counted is None else counted.sum(dim=(1, 2)).tolist()
    pixels = [count for count in pixels if count]
    if not pixels:
        return own.sum()
    with full_precision(student):
        value: Tensor = _Relations.apply(own, other, pixels, temperature, budget)  # type: ignore[no-untyped-call]
    return value


def _pool(maps: Float[Tensor, "b c h w"], counted: Bool[Tensor, "b h w"] | None) -> Float[Tensor, "b c h2 w2"]:
    """Averages the counted ones of 2×2 pixels; 0 where there is none."""
    if counted is None:
        return F.avg_pool2d(maps, 2, 2, ceil_mode=True)
    sums = F.avg_pool2d(at_least_float32(maps).masked_fill(~counted[:, None], 0), 2, 2, ceil_mode=True)
    share = F.avg_pool2d(counted[:, None].to(sums), 2, 2, ceil_mode=True)
    return sums / share.masked_fill(share == 0, 1)


def _pool_counted(counted: Bool[Tensor, "b h w"] | None) -> Bool[Tensor, "b h2 w2"] | None:
    return None if counted is None else F.max_pool2d(counted[:, None].float(), 2, 2, ceil_mode=True)[:, 0] > 0


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
    """Loss of unit vectors [n, c] and [n, d], image by image; its gradient is computed along with it."""

    @staticmethod
    def forward(
        ctx: Any, student: Tensor, teacher: Tensor, pixels: list[int], temperature: float, budget: int
    ) -> Tensor:
        keep = 2 * max(pixels) ** 2 * student.element_size() <= budget
        own, other = torch.split(student, pixels), torch.split(teacher, pixels)
        gradient = student.new_zeros(student.shape) if ctx.needs_input_grad[0] else None  # rows, whatever the strides
        slopes = None if gradient is None else torch.split(gradient, pixels)
        total = student.new_zeros(())
        for i, j in combinations_with_replacement(range(len(pixels)), 2):
            pair = _Pair((own[i], own[j]), (other[i], other[j]), temperature, i == j, keep)
            total += pair.divergence()
            if slopes is not None:
                pair.add_gradient(slopes[i], slopes[j])
        share = 1 / (len(pixels) * sum(pixels))
        if gradient is not None:
            ctx.save_for_backward(gradient.mul_(share / temperature))
        return total * share

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * outer, None, None, None, None


class _Pair:
    """Similarities of two images in student and teacher, in both orders; `alike` if it is one image twice."""

    def __init__(self, student: _Vectors, teacher: _Vectors, temperature: float, alike: bool, keep: bool) -> None:
        self.student, self.teacher = student, teacher
        self.temperature, self.alike, self.keep = temperature, alike, keep
        self.kept: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        rows, columns = student
        self.sums = rows.new_zeros(2, len(rows)), rows.new_zeros(2, len(columns))  # [student or teacher, pixel]

    def tiles(self) -> Iterator[_Tile]:
        """Returns the tiles; for an image with itself only those on and above the diagonal, since it is symmetric."""
        rows, columns = (_starts(len(vectors)) for vectors in self.student)
        return ((a, b) for a in rows for b in columns if a.start <= b.start or not self.alike)

    def logits(self, vectors: _Vectors, tile: _Tile) -> Tensor:
        rows, columns = vectors[0][tile[0]] / self.temperature, vectors[1][tile[1]]
        values = rows.new_empty(len(rows), whole_cache_lines(len(columns)))[:, : len(columns)]
        return torch.mm(rows, columns.T, out=values)

    def divergence(self) -> Tensor:
        """Computes the sum over pixels p of Σ_q P_T(q|p) · (M_T - M_S) - log Z_T + log Z_S, in both directions."""
        along_rows, along_columns = self.sums
        gaps = torch.zeros_like(along_rows[0]), torch.zeros_like(along_columns[0])
        for tile in self.tiles():
            ms, mt = self.logits(self.student, tile), self.logits(self.teacher, tile)
            gap = mt - ms
            es, et = ms.exp_(), mt.exp_()
            self.add((along_rows[0], along_columns[0]), es, tile)
            self.add((along_rows[1], along_columns[1]), et, tile)
            self.add(gaps, gap.mul_(et), tile)
            if self.keep:
                self.kept[tile[0].start, tile[1].start] = es, et
        if self.alike:  # both directions were added up in one
            along_columns.copy_(along_rows)
            return _divergence(gaps[0], along_rows)
        return _divergence(gaps[0], along_rows) + _divergence(gaps[1], along_columns)

    def add(self, totals: _Vectors, values: Tensor, tile: _Tile) -> None:
        """Adds the row and column sums of a tile; for an image with itself, columns are rows of the mirrored tile."""
        totals[0][tile[0]] += values.sum(dim=1)
        if not self.alike:
            totals[1][tile[1]] += values.sum(dim=0)
        elif tile[0] != tile[1]:
            totals[0][tile[1]] += values.sum(dim=0)

    def add_gradient(self, gradient_i: Tensor, gradient_j: Tensor) -> None:
        """Adds (P_S - P_T) · s of both directions; the caller divides by the temperature and the number of rows."""
        rows, columns = (sums.reciprocal() for sums in self.sums)
        for tile in self.tiles():
            es, et = self.exponentials(tile)
            pull = es.mul_(rows[0, tile[0]][:, None] + columns[0, tile[1]])
            pull -= et.mul_(rows[1, tile[0]][:, None] + columns[1, tile[1]])
            gradient_i[tile[0]].addmm_(pull, self.student[1][tile[1]])
            if not self.alike or tile[0] != tile[1]:
                gradient_j[tile[1]].addmm_(pull.T, self.student[0][tile[0]])

    def exponentials(self, tile: _Tile) -> tuple[Tensor, Tensor]:
        if self.keep:
            return self.kept.pop((tile[0].start, tile[1].start))
        return self.logits(self.student, tile).exp_(), self.logits(self.teacher, tile).exp_()


def _starts(count: int) -> list[slice]:
    """Returns equal portions of so many vectors, of whole cache lines."""
    edge = whole_cache_lines(math.ceil(count / math.ceil(count / _TILE)))
    return [slice(start, start + edge) for start in range(0, count, edge)]


def _divergence(gaps: Float[Tensor, " n"], sums: Float[Tensor, "2 n"]) -> Float[Tensor, ""]:
    """Sums the divergences of pixels in one direction; `sums` are their denominators in student and teacher."""
    return (gaps / sums[1] + sums[0].log() - sums[1].log()).sum()
