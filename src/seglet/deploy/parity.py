"""Comparison of an exported graph with its network: probabilities, labels and time. Axes: h rows, w columns."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

LARGEST_DIFFERENCE = 1e-3
"""Largest allowed difference of a probability between PyTorch and the exported graph."""

LEAST_EQUAL = 0.999
"""Share of pixels that must get the same class."""

LogitsOf = Callable[[Tensor], Tensor]
"""A network or an exported graph: images to logits."""


@dataclass(frozen=True)
class Parity:
    """Difference between an exported graph and its network at one size (h, w).

    Args:
        size: rows and columns of the images.
        images: number of images compared.
        difference: largest difference of a probability over all pixels and classes.
        equal: share of pixels that get the same class.
    """

    size: tuple[int, int]
    images: int
    difference: float
    equal: float

    @property
    def holds(self) -> bool:
        """True if the graph gives what the network gives."""
        return self.difference <= LARGEST_DIFFERENCE and self.equal >= LEAST_EQUAL


@torch.inference_mode()
def compare_networks(
    original: LogitsOf,
    exported: LogitsOf,
    images: Sequence[UInt8[np.ndarray, "_ _ 3"]],
    size: tuple[int, int],
    planes: int = 3,
) -> Parity:
    """Compares the logits of both on images resized to `size`, in batches of up to two."""
    batch = torch.cat([resized_example(image, size, planes) for image in images])
    differences, equal = [], []
    for part in torch.split(batch, 2):
        one, two = original(part).softmax(1), exported(part).softmax(1)
        differences.append(float((one - two).abs().max()) if bool(two.isfinite().all()) else float("inf"))
        equal.append((one.argmax(1) == two.argmax(1)).float().mean(dim=(1, 2)))
    return Parity(size, len(batch), max(differences), float(torch.cat(equal).mean()))


def resized_example(
    image: UInt8[np.ndarray, "_ _ 3"], size: tuple[int, int], planes: int = 3
) -> Float[Tensor, "1 planes h w"]:
    """Returns an image as a network takes it, with its brightness for depth and for channels beyond three.

    That is enough to compare networks.
    """
    small = np.array(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
    colours = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
    more = colours.mean(dim=1, keepdim=True).expand(-1, max(planes - 3, 0), -1, -1)
    return torch.cat([colours[:, :planes], more], dim=1)


def median_milliseconds(run: LogitsOf, size: tuple[int, int], planes: int = 3, repeats: int = 5) -> float:
    """Returns the median time of one image, after one to warm up."""
    image = torch.rand(1, planes, *size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        run(image)
        return 1000 * statistics.median(_seconds(run, image) for _ in range(repeats))


def _seconds(run: LogitsOf, image: Tensor) -> float:
    begin = time.perf_counter()
    run(image)
    return time.perf_counter() - begin
