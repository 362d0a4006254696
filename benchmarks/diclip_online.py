"""A training step of DiCLIP with attention from an offline column, against running diffusion in the step."""

import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks._diclip import compare
from benchmarks._harness import Result
from seglet.methods.diclip import Config
from seglet.models.foundation.tiny.clip import TinyCLIP
from seglet.models.foundation.tiny.diffusion import TinyUNet, TinyVAE, build_pipeline, save_pipeline


def run() -> Result:
    """The tiny CLIP, and the tiny Stable Diffusion's shape with random weights; the paper runs it in each step."""
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        text = TinyCLIP(("a", "photo", "of", "nothing"))
        save_pipeline(build_pipeline(TinyVAE(), TinyUNet(text.clip.config.projection_dim), text), Path(folder))
        column = Config(
            clip_model="tiny-clip", prompts="world", diffusion=(folder,), diffusion_layers=("up_blocks.1",),
            attention_grid=(16, 16), attention_rank=16, cache_from="none", width=0.5,
        )  # fmt: skip
        return compare("diclip-online", column, replace(column, attention_loop=True), (4, 128), 0.1, 3)
