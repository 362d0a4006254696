"""CIRKD's memory of past batches: the teacher's pixels and regions, class by class.

Axes: b images, d channels of the teacher, h rows, w columns, k classes, p and r slots of a class.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch import distributed as dist

from seglet.models.distillation.queue import VectorQueue
from seglet.tensors import resize_labels
from seglet.types import IGNORE, TensorRecord


@dataclass(frozen=True)
class MemoryDraws(TensorRecord):
    """Random draws of one step, for the images of all processes.

    `order`: of the pixels of one class in one image, those with the least values are remembered, least first.
    `pixel_slots`, `region_slots`: permutations of the slots, whose beginnings are read.
    """

    order: Float[Tensor, "b h w"]
    pixel_slots: Integer[Tensor, " p"]
    region_slots: Integer[Tensor, " r"]


class MemoryKeys(NamedTuple):
    """Unit vectors that pixels are compared with, class after class."""

    pixels: Float[Tensor, "n d"]
    regions: Float[Tensor, "m d"]


@dataclass(frozen=True)
class MemorySize:
    """Sizes of the memory for each class; the defaults are CIRKD's.

    `drawn` is how many pixels of a class an image adds at most. Without `pixel_keys` and `region_keys` there are 4096
    // k + 1 and 1024 // k + 1. 20000 slots of 19 classes and 512 channels are 0.8 GB.
    """

    pixel_slots: int = 20000
    region_slots: int = 2000
    pixel_keys: int | None = None
    region_keys: int | None = None
    drawn: int = 16


class CirkdMemory(nn.Module):
    """Memory with a queue of pixels and one of regions; a region is the mean of all pixels of one class in one image.

    Both belong to the state, so that a resumed run goes on with them. If a process group was initialised, every
    process remembers the pixels of all, and all must draw alike.

    Args:
        any_class: reproduces a slip of the authors' code: the pixels drawn for a class are counted from the first
            pixel of the image instead of among those of the class, so that its queue holds pixels of any class.

    Source: Yang et al., CVPR 2022; CIRKD, losses/cirkd_memory.py; golden cirkd_memory.
    """

    def __init__(
        self,
        classes: int,
        channels: int,
        size: MemorySize | None = None,
        any_class: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        size = size or MemorySize()
        self.classes, self.drawn, self.any_class = classes, size.drawn, any_class
        self.pixel_keys = size.pixel_keys or 4096 // classes + 1
        self.region_keys = size.region_keys or 1024 // classes + 1
        self.pixels = VectorQueue(classes, size.pixel_slots, channels, generator)
        self.regions = VectorQueue(classes, size.region_slots, channels, generator)

    def draw(self, features: Float[Tensor, "b d h w"], generator: torch.Generator | None = None) -> MemoryDraws:
        """Draws for features of this size, on the generator's device."""
        images, _, height, width = features.shape
        source = generator.device if generator else features.device
        order = torch.rand(images * _processes(), height, width, generator=generator, device=source)
        slots = (queue.vectors.shape[1] for queue in (self.pixels, self.regions))
        permutations = (torch.randperm(count, generator=generator, device=source) for count in slots)
        return MemoryDraws(order, *permutations).to(features.device)

    @torch.no_grad()
    def remember(
        self, features: Float[Tensor, "b d h w"], labels: Integer[Tensor, "b _ _"], order: Float[Tensor, "b2 h w"]
    ) -> None:
        """Adds the teacher's features, image after image; labels of another size are resized to them, nearest.

        Raises:
            ValueError: a label is neither a class nor IGNORE.
        """
        values = unit_pixels(features.to(self.pixels.vectors.dtype))
        small = resize_labels(labels.long(), features.shape[-2:]).flatten(1)
        small = small.masked_fill(small == IGNORE, self.classes)
        least, most = small.aminmax()
        if least < 0 or most > self.classes:
            raise ValueError(f"labels run from {least} to {most}, but classes from 0 to {self.classes - 1}")
        images = zip(_of_all(values), _of_all(small), order.flatten(1), strict=True)
        for vectors, classes, chance in images:
            self._remember_image(vectors, classes, chance)

    def _remember_image(
        self, vectors: Float[Tensor, "n d"], classes: Integer[Tensor, " n"], order: Float[Tensor, " n"]
    ) -> None:
        counts = classes.bincount(minlength=self.classes + 1)[: self.classes]
        sums = vectors.new_zeros(self.classes + 1, vectors.shape[1]).index_add_(0, classes, vectors)[:-1]
        self.regions.write(F.normalize(sums, dim=1)[:, None], counts.clamp(max=1))
        by_class = classes.argsort(stable=True)  # pixels of class 0, of class 1, … in the order of the image
        by_chance = order.argsort(stable=True)
        by_chance = by_chance[classes[by_chance].argsort(stable=True)]
        begin = counts.cumsum(0) - counts
        steps = torch.arange(min(self.drawn, len(classes)), device=classes.device)
        places = (begin[:, None] + steps).clamp(max=len(classes) - 1)
        chosen = by_chance[places]
        if self.any_class:
            rank = torch.empty_like(by_class).scatter_(0, by_class, torch.arange(len(classes), device=classes.device))
            chosen = (rank[chosen] - begin[:, None]).clamp(0, len(classes) - 1)
        self.pixels.write(vectors[chosen], counts.clamp(max=self.drawn))

    def keys(self, draws: MemoryDraws) -> MemoryKeys:
        """Returns the keys to compare with now; at most all slots."""
        pixels = self.pixels.read(draws.pixel_slots[: self.pixel_keys])
        return MemoryKeys(pixels, self.regions.read(draws.region_slots[: self.region_keys]))


def unit_pixels(features: Float[Tensor, "b d h w"]) -> Float[Tensor, "b n d"]:
    """Returns the feature of each pixel at unit length."""
    return F.normalize(features.flatten(2).transpose(1, 2), dim=2)


def _processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def _of_all(values: Tensor) -> Tensor:
    """Returns the values of all processes, concatenated along the first axis; without a process group the own ones."""
    if _processes() == 1:
        return values
    gathered = [torch.empty_like(values) for _ in range(_processes())]
    dist.all_gather(gathered, values.contiguous())
    return torch.cat(gathered)
