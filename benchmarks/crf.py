"""Fully connected CRF at 321², 21 labels, 10 iterations: ours against pydensecrf, if installed, and a plain one.

The plain one is the authors' algorithm with tensors and a hash table in Python: labels spread by index_add, blurred
along one axis after the other, gathered again. Bytes are of tensors, which pydensecrf does not use.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks._harness import Result, in_turn, side_by_side
from benchmarks._memory import LiveBytes
from seglet.labels.refine.crf import dense_crf
from seglet.labels.refine.crf_settings import SSSS_CRF, CRFSettings

SIZE, LABELS, TOLERANCE = 321, 21, 1e-3


@dataclass(frozen=True)
class CRFResult(Result):
    """`against` names the rival whose time is compared; `plain` is the seconds of the plain one in any case.

    Bytes are the most alive at once beside the input, `memory_ratio` the plain one's over ours.
    """

    against: str
    plain: float
    ours_bytes: int
    plain_bytes: int
    memory_ratio: float


def run() -> CRFResult:
    probabilities, image = prediction(), random_image()

    def ours() -> Tensor:
        return dense_crf(probabilities, image)

    def simple() -> Tensor:
        return plain(probabilities, image, SSSS_CRF)

    def package() -> Tensor:
        return dense_crf(probabilities, image, backend="pydensecrf")

    installed = importlib.util.find_spec("pydensecrf") is not None
    rival = package if installed else simple
    (mine, my_bytes), (theirs, their_bytes) = peak(ours), peak(simple)
    shapes = f"1x{LABELS}x{SIZE}x{SIZE} float32, {SSSS_CRF.iterations} iterations"
    result = side_by_side("crf", ours, rival, same, shapes, repeats=5)
    return CRFResult(
        **{**vars(result), "equal": result.equal and same(mine, theirs)},
        against="pydensecrf" if installed else "plain",
        plain=in_turn((simple,), 1)[0] if installed else result.rival,
        ours_bytes=my_bytes,
        plain_bytes=their_bytes,
        memory_ratio=their_bytes / my_bytes,
    )


def same(ours: Tensor, theirs: Tensor) -> bool:
    return bool((ours - theirs).abs().max() <= TOLERANCE)


def peak(call: Callable[[], Tensor]) -> tuple[Tensor, int]:
    with LiveBytes() as bytes_:
        result = call()
    return result, bytes_.peak


def random_image() -> Tensor:
    """Soft patches of colour under a little noise: as many vertices as a photograph has."""
    generator = torch.Generator().manual_seed(0)
    coarse, grain = torch.rand(1, 3, 10, 10, generator=generator), torch.randn(1, 3, SIZE, SIZE, generator=generator)
    return (F.interpolate(coarse, (SIZE, SIZE), mode="bicubic") + 0.03 * grain).clamp(0, 1)


def prediction() -> Tensor:
    coarse = 2 * torch.randn(1, LABELS, 20, 20, generator=torch.Generator().manual_seed(1))
    return F.interpolate(coarse, (SIZE, SIZE), mode="bilinear").softmax(1)


class PlainLattice:
    """The permutohedral lattice point by point and vertex by vertex."""

    def __init__(self, features: Tensor) -> None:
        n, d = features.shape
        elevated = elevate(features)
        rounded = (elevated * (1 / (d + 1))).round() * (d + 1)
        rank = (elevated - rounded).argsort(dim=1, descending=True, stable=True).argsort(1)
        rank = rank + (rounded.sum(1, keepdim=True) / (d + 1)).long()
        wrap = ((rank < 0).long() - (rank > d).long()) * (d + 1)
        rank, rounded = rank + wrap, rounded + wrap
        ascending = ((elevated - rounded) / (d + 1)).gather(1, (d - rank).argsort(1))
        self.weights = ascending - ascending.roll(1, 1)
        self.weights[:, 0] += 1
        remainders = torch.arange(d + 1)
        canonical = torch.where(
            rank[:, None] <= d - remainders[:, None], remainders[:, None], remainders[:, None] - d - 1
        )
        keys = (rounded.long()[:, None] + canonical).flatten(0, 1)
        vertices, inverse = torch.unique(keys, dim=0, return_inverse=True)
        self.corners = inverse.view(n, d + 1)
        self.neighbours = [neighbours(vertices, axis) for axis in range(d + 1)]

    def filter(self, values: Tensor) -> Tensor:
        spread = (self.weights[..., None] * values[:, None]).flatten(0, 1)
        table = values.new_zeros(len(self.neighbours[0][0]) + 1, values.shape[1])
        table.index_add_(0, self.corners.flatten(), spread)
        for below, above in self.neighbours:
            table[:-1] += (table[below] + table[above]) / 2
        gathered = (self.weights[..., None] * table[self.corners]).sum(1)
        return gathered / (1 + 2.0 ** (1 - self.weights.shape[1]))


def elevate(features: Tensor) -> Tensor:
    """In the authors' order of sums and in float32: a last bit decides on which side of an edge a point lies."""
    d = features.shape[1]
    deviation = torch.tensor((2 / 3) ** 0.5 * (d + 1)).item()
    scaled = features * torch.tensor([1 / (j * (j + 1)) ** 0.5 * deviation for j in range(1, d + 1)])
    elevated, after = torch.empty(len(features), d + 1), torch.zeros(len(features))
    for j in range(d, 0, -1):
        elevated[:, j] = after - j * scaled[:, j - 1]
        after = after + scaled[:, j - 1]
    elevated[:, 0] = after
    return elevated


def neighbours(vertices: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The places of each vertex's two neighbours; that of an absent one is after the last."""
    places = {key: place for place, key in enumerate(map(tuple, vertices.tolist()))}
    step = torch.ones_like(vertices[0])
    step[axis] -= len(step)
    below, above = (
        torch.tensor([places.get(key, len(places)) for key in map(tuple, (vertices + sign * step).tolist())])
        for sign in (-1, 1)
    )
    return below, above


def plain(probabilities: Tensor, image: Tensor, settings: CRFSettings) -> Tensor:
    size = image.shape[-2:]
    rows, columns = torch.meshgrid(*(torch.arange(length) for length in size), indexing="ij")
    place = torch.stack([columns, rows], dim=-1).flatten(0, 1)
    colour = (image[0] * 255).round().flatten(1).T
    bilateral = torch.cat([place / settings.bilateral_sigma, colour / settings.colour_sigma], dim=1)
    weighted = [(place / settings.spatial_sigma, settings.spatial_weight), (bilateral, settings.bilateral_weight)]
    kernels = [(PlainLattice(features), weight) for features, weight in weighted]
    energy = -probabilities[0].clamp(1e-5, 1).log().flatten(1).T
    ones = torch.ones(len(energy), 1)
    norms = [1 / (kernel.filter(ones) + 1e-20).sqrt() for kernel, _ in kernels]
    belief = (-energy).softmax(1)
    for _ in range(settings.iterations):
        total = -energy
        for (kernel, weight), norm in zip(kernels, norms, strict=True):
            total = total + weight * norm * kernel.filter(norm * belief)
        belief = total.softmax(1)
    return belief.T.reshape(probabilities.shape)
