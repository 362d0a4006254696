"""A training step of DiCLIP with attention from an offline column, against running diffusion in the step."""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks import _diclip_phases
from benchmarks._diclip import compare
from benchmarks._harness import Result
from seglet.methods.diclip import Config
from seglet.models.foundation.tiny.clip import TinyCLIP
from seglet.models.foundation.tiny.diffusion import TinyUNet, TinyVAE, build_pipeline, save_pipeline


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _diclip_phases.add_arguments(parser)


def run(options: argparse.Namespace) -> Result:
    """The tiny CLIP, and the tiny Stable Diffusion's shape with random weights; the paper runs it in each step."""
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        text = TinyCLIP(("a", "photo", "of", "nothing"))
        save_pipeline(build_pipeline(TinyVAE(), TinyUNet(text.clip.config.projection_dim), text), Path(folder))
        column = Config(
            clip_model="tiny-clip", prompts="world", diffusion=(folder,), diffusion_layers=("up_blocks.1",),
            attention_grid=(16, 16), attention_rank=16, cache_from="none", width=0.5,
        )  # fmt: skip
        if options.phases:
            return _diclip_phases.measure_phases(replace(column, generator=folder), 128, options)
        return compare("diclip-online", column, replace(column, attention_loop=True), (4, 128), 0.1, 3)
