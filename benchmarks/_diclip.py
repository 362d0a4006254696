"""A training step of DiCLIP, with attention from a column or from diffusion in the step."""

import resource
import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks._harness import Result, side_by_side
from seglet.data.dataset import Sample
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.methods.diclip import Config, Method
from seglet.methods.diclip.attention import ATTENTION_COLUMN, AttentionColumn
from seglet.types import Crop, Progress, Tagged, tag_vector


def compare(name: str, column: Config, loop: Config, scenes: tuple[int, int], near: float, repeats: int) -> Result:
    """`scenes` are how many, and their side in pixels; losses may differ by the share `near`, a column being short.

    Beside the shapes stand the CPU seconds that the column of one image takes, and the memory of the process.
    """
    samples = [World("train", size=scenes[1]).read(index) for index in range(scenes[0])]
    values, taken = columns(column, samples)
    batch = step(samples, torch.stack(values))
    stored, looped = (Method.build(config, WORLD_CLASSES, seed=0).train() for config in (column, loop))

    def same(ours: Tensor, theirs: Tensor) -> bool:
        return bool((ours - theirs).abs() <= near * theirs.abs())

    shapes = f"{scenes[0]} views of {scenes[1]} x {scenes[1]}, forward and backward"
    result = side_by_side(name, lambda: loss(stored, batch), lambda: loss(looped, batch), same, shapes, repeats)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return replace(result, shapes=f"{shapes}; the column {taken:.3g} s an image; {most:.3g} GiB")


def columns(config: Config, samples: Sequence[Sample]) -> tuple[list[Tensor], float]:
    """The attention of each image, and the CPU seconds that one takes; of several, the first is
    computed twice to warm up."""
    compute = AttentionColumn(config).load(torch.device("cpu"))
    if len(samples) > 1:
        compute(samples[:1])
    begin = time.process_time()
    values = [torch.from_numpy(compute([sample])[0]) for sample in samples]
    return values, (time.process_time() - begin) / len(samples)


def step(samples: list[Sample], column: Tensor) -> Tagged:
    sources = torch.stack([torch.from_numpy(sample.image.copy()) for sample in samples])
    images = sources.permute(0, 3, 1, 2).float() / 255
    tags = torch.stack([tag_vector(sample.tags or (), len(WORLD_CLASSES)) for sample in samples])
    crop = Crop(torch.tensor([[0.0, 0.0, 1.0, 1.0]] * len(samples)), torch.zeros(len(samples), dtype=torch.bool))
    return Tagged(tuple(sample.id for sample in samples), images, tags, crop, {ATTENTION_COLUMN: column})


def loss(method: Method, batch: Tagged) -> Tensor:
    total = method.losses(batch, Progress(0, 10)).total
    total.backward()  # type: ignore[no-untyped-call]
    return total.detach()
