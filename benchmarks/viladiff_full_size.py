"""The same as viladiff-step at the size of the paper: ViT-B/16, 512 x 512, 21 classes, random weights.

Takes ten minutes of one thread and more than 9 GiB of memory. Each step is taken once.
"""

import gc
import math
import resource
import time
from dataclasses import dataclass

import torch

from benchmarks._harness import Result
from benchmarks._viladiff import EARLY, LATE, Size, Step, baseline, random_batch, training_step
from seglet.methods import viladiff
from seglet.models.heads.vila import run_streams

SIZE = Size(side=512, batch=4, classes=21, words=20, width=512)
STUDENT = "vila-clip_b16"


@dataclass(frozen=True)
class FullSizeResult(Result):
    """`ours` is a step with refinement, `rival` the baseline's; `equal` whether all losses are finite.

    Attributes:
        without_refinement: over the baseline's, as the ratio is.
        gib: largest memory of the process in our steps.
        told: what a run says before that it will take.
    """

    without_refinement: float
    gib: float
    told: str


def run() -> FullSizeResult:
    batch = random_batch(SIZE)
    config = viladiff.Config(student=STUDENT, captions="world", text_width=SIZE.width)
    method = viladiff.Method.build(config, SIZE.names, seed=0)
    told = method.training_notes((SIZE.side, SIZE.side), SIZE.batch)[0]
    shapes = shapes_of(method)
    early, refining = (timed(training_step(method, batch, progress)) for progress in (EARLY, LATE))
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    del method
    gc.collect()
    rival = timed(training_step(baseline(STUDENT, SIZE.names), batch, EARLY))
    return FullSizeResult(
        "viladiff-full-size", refining[0], rival[0], refining[0] / rival[0], "s",
        all(math.isfinite(loss) for _, loss in (early, refining, rival)), f"{STUDENT}, {SIZE}; {shapes}",
        torch.get_num_threads(), early[0] / rival[0], gib, told,
    )  # fmt: skip


def timed(step: Step) -> tuple[float, float]:
    """CPU seconds, and the loss."""
    begin = time.process_time()
    loss = float(step())
    return time.process_time() - begin, loss


@torch.no_grad()
def shapes_of(method: viladiff.Method) -> str:
    """Of the visual stream of one image."""
    seen = run_streams(method.student.network, None, torch.rand(1, 3, SIZE.side, SIZE.side), None).visual
    names = ("tokens", "maps", "logits")
    return ", ".join(f"{name} {'x'.join(map(str, getattr(seen, name).shape[1:]))}" for name in names)
