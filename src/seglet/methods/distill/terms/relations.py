"""CIRKD's terms: similarities of pixels across the images of a batch, and to past batches."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from seglet.losses.distillation.cirkd_memory import cirkd_memory_loss
from seglet.losses.distillation.cirkd_minibatch import LEAST_TEMPERATURE, cirkd_minibatch_bytes, cirkd_minibatch_loss
from seglet.methods.distill.terms.base import FeaturePair, Term, TermOptions, TermPart, TermShape, counted_pixels
from seglet.models.distillation.adaptors import pixel_projector
from seglet.models.distillation.cirkd_memory import CirkdMemory, MemorySize
from seglet.types import option


@dataclass(frozen=True)
class MinibatchOptions(TermOptions):
    temperature: float = option(0.1, "temperature of the similarities; CIRKD code")
    pooling: bool = option(False, "average 2x2 pixels first, for 1/16 of time and memory; CIRKD code for SegFormer")
    budget: int = option(256, "MiB up to which products of two images are stored instead of computed twice")
    group: int = option(
        0, "images that are compared with one another; 0: all of a device; CIRKD code: the 2 that each of 8 GPUs has"
    )
    mask_ignored: bool = option(False, "compare only annotated pixels; ours, CIRKD's code takes all")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.group < 0:
            raise ValueError(f"group: expected 0 or more images, got {self.group}")
        if self.temperature < LEAST_TEMPERATURE:
            raise ValueError(f"temperature: expected at least {LEAST_TEMPERATURE}, got {self.temperature}")
        if self.budget < 0:
            raise ValueError(f"budget: expected 0 or more MiB, got {self.budget}")


class MinibatchTerm(Term):
    """CIRKD: similarities between all pixels of the batch, or of each group of its images."""

    options = MinibatchOptions
    unweighted_because = "it compares pairs of pixels, and σ is of one pixel"
    leaves_out = True

    def __init__(self, options: MinibatchOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.chosen, self.shape = options, shape

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        chosen, images = self.chosen, len(pair.student)
        counted = counted_pixels(pair, chosen.mask_ignored)
        how = chosen.temperature, chosen.pooling, chosen.budget * 2**20
        parts = []
        for begin in range(0, images, chosen.group or images):
            group = slice(begin, begin + (chosen.group or images))
            mask = None if counted is None else counted[group]
            value = cirkd_minibatch_loss(pair.student[group], pair.teacher[group], *how, mask)
            parts.append(_seen(pair.student[group], mask) / _seen(pair.student, counted) * value)
        return {"": TermPart(torch.stack(parts).sum())}

    def memory_bytes(self, batch: int, size: tuple[int, int]) -> int:
        maps = min(batch, self.chosen.group or batch), self.shape.student, *size
        return cirkd_minibatch_bytes(maps, self.shape.teacher, self.chosen.pooling, self.chosen.budget * 2**20)


def _seen(maps: Tensor, counted: Tensor | None) -> int:
    """Returns the number of images that a group weighs by: those with counted pixels, at least 1."""
    return len(maps) if counted is None else max(1, int(counted.flatten(1).any(dim=1).sum()))


@dataclass(frozen=True)
class MemoryOptions(TermOptions):
    pixel: float = option(0.1, "weight of the comparison with stored pixels; CIRKD code (.01 on VOC)")
    region: float = option(0.1, "weight of the comparison with stored regions; CIRKD code (.01 on VOC)")
    temperature: float = option(0.1, "temperature of the similarities; CIRKD code")
    kd_temperature: float = option(1.0, "temperature of the compared distributions; CIRKD code")
    pixel_slots: int = option(20000, "stored pixels per class; CIRKD code (2000 for SegFormer)")
    region_slots: int = option(2000, "stored regions per class; CIRKD code")
    any_class: bool = option(False, "store pixels of any class for every class, an error of CIRKD's code")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("temperature", "kd_temperature", "pixel_slots", "region_slots"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: expected above 0, got {getattr(self, name)}")


class MemoryTerm(Term):
    """CIRKD: similarities to stored pixels and regions of the teacher; the student is projected to its channels."""

    options = MemoryOptions
    unweighted_because = "it compares pixels with stored ones, and σ is of one pixel"

    def __init__(self, options: MemoryOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.chosen = options
        self.project = pixel_projector(shape.student, shape.teacher)
        size = MemorySize(options.pixel_slots, options.region_slots)
        self.queues = CirkdMemory(shape.classes, shape.teacher, size, options.any_class)

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        draws, chosen = self.queues.draw(pair.teacher, pair.common), self.chosen
        self.queues.remember(pair.teacher, pair.target.labels, draws.order)
        temperatures = chosen.temperature, chosen.kd_temperature
        projected = self.project(pair.student)
        terms = cirkd_memory_loss(projected, pair.teacher, pair.target.labels, self.queues.keys(draws), *temperatures)
        return {"pixel": TermPart(terms.pixel, chosen.pixel), "region": TermPart(terms.region, chosen.region)}

    def unsynchronised_buffers(self) -> list[str]:
        return [f"queues.{name}" for name, _ in self.queues.named_buffers()]

    def memory_bytes(self, batch: int, size: tuple[int, int]) -> int:
        queues = sum(buffer.nbytes for buffer in self.queues.buffers())
        classes, channels = self.queues.classes, self.queues.pixels.vectors.shape[2]
        keys = classes * (self.queues.pixel_keys + self.queues.region_keys)
        pixels = batch * size[0] * size[1]
        return queues + 4 * (keys * channels + 3 * min(pixels, 1024) * keys + 4 * pixels * channels)
