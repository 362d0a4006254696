"""A training step of DiCLIP with attention from an offline column, against running diffusion in the step."""

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from benchmarks._harness import Result, side_by_side
from seglet.data.dataset import Sample
from seglet.data.world import CLASSES, World
from seglet.methods.diclip import Config, Method
from seglet.methods.diclip.attention import ATTENTION, AttentionColumn
from seglet.models.foundation.tiny.clip import TinyCLIP
from seglet.models.foundation.tiny.diffusion import TinyUNet, TinyVAE, pipeline, save_pipeline
from seglet.types import Crop, Progress, Tagged

IMAGES, SIDE = 4, 128
WORDS = ("a", "photo", "of", "nothing")
NEAR = 0.1
"""By how much, relative, the two losses may differ: a column has 16 channels, attention 256."""


def run() -> Result:
    """The tiny Stable Diffusion's shape with random weights; the paper runs it in each step."""
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        text = TinyCLIP(WORDS)
        save_pipeline(pipeline(TinyVAE(), TinyUNet(text.clip.config.projection_dim), text), Path(folder))
        stored, looped = (method(folder, loop) for loop in (False, True))
        samples = [World("train", size=SIDE).read(index) for index in range(IMAGES)]
        column = AttentionColumn(stored.config).load(torch.device("cpu"))(samples)
        batch = step(samples, torch.stack([torch.from_numpy(value) for value in column]))

    def same(ours: Tensor, theirs: Tensor) -> bool:
        return bool((ours - theirs).abs() <= NEAR * theirs.abs())

    shapes = f"{IMAGES} views of {SIDE} x {SIDE}, tiny CLIP and Stable Diffusion, forward and backward"
    return side_by_side("diclip-online", lambda: loss(stored, batch), lambda: loss(looped, batch), same, shapes, 3)


def method(diffusion: str, loop: bool) -> Method:
    chosen = Config(
        clip_model="tiny-clip", prompts="world", diffusion=(diffusion,), diffusion_layers=("up_blocks.1",),
        attention_loop=loop, attention_grid=(16, 16), attention_rank=16, cache_from="none", width=0.5,
    )  # fmt: skip
    return Method.build(chosen, CLASSES, seed=0).train()


def step(samples: list[Sample], column: Tensor) -> Tagged:
    images = (
        torch.stack([torch.from_numpy(sample.image.copy()) for sample in samples]).permute(0, 3, 1, 2).float() / 255
    )
    tags = torch.zeros(len(samples), len(CLASSES))
    for row, sample in enumerate(samples):
        tags[row, list(sample.tags or ())] = 1
    crop = Crop(torch.tensor([[0.0, 0.0, 1.0, 1.0]] * len(samples)), torch.zeros(len(samples), dtype=torch.bool))
    return Tagged(tuple(sample.id for sample in samples), images, tags, crop, {ATTENTION: column})


def loss(method: Method, batch: Tagged) -> Tensor:
    total = method.losses(batch, Progress(0, 10)).total
    total.backward()  # type: ignore[no-untyped-call]
    return total.detach()
