"""What DGKD's student costs in use: told depth against seeing colours alone. Distillation itself adds nothing.

The paper's WideResNet38 at a quarter of its width; at full width depth adds 1.5 G multiply-adds to 276.6.
"""

import tempfile
from pathlib import Path

import torch

from benchmarks._harness import Result, overhead
from benchmarks.dgkd_step import CLASSES
from seglet.models.architecture import Architecture, DepthGuidance
from seglet.models.segmenter import Segmenter, build, load
from seglet.types import Classes

SIDE, WIDTH = 321, 0.25


def run() -> Result:
    names = ("background", *(f"class {k}" for k in range(1, CLASSES)))
    classes = Classes(names, tuple((k, k, k) for k in range(CLASSES)))
    told = saved(build(Architecture("ssss-wideresnet38", width=WIDTH, depth=DepthGuidance()), classes))
    plain = saved(build(Architecture("ssss-wideresnet38", width=WIDTH), classes))
    images = torch.rand(1, 4, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    shapes = f"ssss-wideresnet38 x {WIDTH}, 1x3x{SIDE}x{SIDE}, {CLASSES} classes; `equal`: fusion is all that is added"
    added = parameters(told) - parameters(plain)
    with torch.inference_mode():
        fusion = told.network.backbone.fusion
        return overhead(
            "dgkd-inference",
            lambda: told(images),
            lambda: plain(images[:, :3]),
            lambda ours, theirs: fusion is not None and added == parameters(fusion) and ours.shape == theirs.shape,
            shapes,
        )


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def saved(model: Segmenter) -> Segmenter:
    """As it comes back from the disk: what a user runs."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        return load(Path(folder) / "model")
