"""A training step of ViLaDiff against one of the consistency baseline on the same network.

Both with an average as teacher, on the embedded world's network and images; ViLa, MixE, and MixE with refinement,
which runs the denoiser ten times more in the second half of training, are also timed apart. The baseline's student also
sees the plain views, whose guesses are the teacher's; ours does not, so without refinement it costs about as much.
"""

from dataclasses import dataclass
from typing import Any

import torch

from benchmarks._harness import Result, in_turn
from benchmarks._viladiff import EARLY, LATE, Size, Step, baseline, random_batch, training_step
from seglet.methods import viladiff
from seglet.types import Progress

SIZE = Size(side=64, batch=4, classes=11, words=14, width=128)
STUDENT = "vila-clip_tiny"
REPEATS = 7


@dataclass(frozen=True)
class StepResult(Result):
    """`ours` is all of ViLaDiff with refinement, `rival` the baseline; the ratios are all over that."""

    without_refinement: float
    vila: float
    mixe: float
    mixe_refining: float


def run() -> StepResult:
    classes, batch = SIZE.names, random_batch(SIZE)

    def ours(progress: Progress, **changes: Any) -> Step:
        keys = {"captions": "world", "text_width": SIZE.width, "denoiser_width": 32, "denoiser_blocks": 3, **changes}
        config = viladiff.Config(student=STUDENT, **keys)
        return training_step(viladiff.Method.build(config, classes, seed=0), batch, progress)

    steps = (
        training_step(baseline(STUDENT, classes), batch, EARLY),
        ours(LATE),
        ours(EARLY),
        ours(EARLY, mix="none"),
        ours(EARLY, captions=None),
        ours(LATE, captions=None),
    )
    bare = training_step(viladiff.Method.build(plain(), classes, seed=0), batch, EARLY)
    equal = torch.allclose(steps[0](), bare(), rtol=1e-4)
    for warming in steps[1:]:
        warming()
    rounds = torch.tensor([in_turn(steps, repeats=1) for _ in range(REPEATS)])
    seconds = rounds.median(dim=0).values.tolist()
    ratios = (rounds / rounds[:, :1]).median(dim=0).values.tolist()  # within a round, which load slows as a whole
    shapes = f"{STUDENT}, {SIZE}"
    threads = torch.get_num_threads()
    return StepResult("viladiff-step", seconds[1], seconds[0], ratios[1], "s", equal, shapes, threads, *ratios[2:])


def plain() -> viladiff.Config:
    """Without captions and MixE the objective is the baseline's, which the comparison rests on."""
    return viladiff.Config(student=STUDENT, dropout=0.0, captions=None, mix="none")
