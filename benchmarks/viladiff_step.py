"""A training step of ViLaDiff against one of the consistency baseline on the same network.

Both with an average as teacher, on the embedded world's network and pictures; ViLa, MixE, and MixE with refinement,
which runs the denoiser ten times more in the second half of training, are also timed apart. The baseline's student also
sees the plain views, whose guesses are the teacher's; ours does not, so without refinement it costs about as much.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks._harness import Result, in_turn
from seglet.methods import fixmatch, viladiff
from seglet.methods.base import Method
from seglet.methods.viladiff.captions import TOKENS
from seglet.types import Classes, Crop, Labelled, Progress, SemiStep, Target, Unlabelled

SIDE, BATCH, CLASSES, WORDS, WIDTH = 64, 4, 11, 14, 128
STUDENT = "vila-clip_tiny"
REPEATS = 7
EARLY, LATE = Progress(1, 10), Progress(9, 10)
Step = Callable[[], Tensor]


@dataclass(frozen=True)
class StepResult(Result):
    """`ours` is all of ViLaDiff with refinement, `rival` the baseline; the ratios are all over that."""

    without_refinement: float
    vila: float
    mixe: float
    mixe_refining: float


def run() -> StepResult:
    classes = Classes(tuple(f"class {k}" for k in range(CLASSES)), tuple((k, k, k) for k in range(CLASSES)))
    batch = pictures()

    def ours(progress: Progress, **changes: Any) -> Step:
        keys = {"captions": "world", "text_width": WIDTH, "denoiser_width": 32, "denoiser_blocks": 3, **changes}
        config = viladiff.Config(student=STUDENT, **keys)
        return training_step(viladiff.Method.build(config, classes, seed=0), batch, progress)

    steps = (
        training_step(baseline(classes), batch, EARLY),
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
    shapes = f"{STUDENT}, {BATCH} + {BATCH} x3x{SIDE}x{SIDE}, {CLASSES} classes, {WORDS} caption tokens"
    threads = torch.get_num_threads()
    return StepResult("viladiff-step", seconds[1], seconds[0], ratios[1], "s", equal, shapes, threads, *ratios[2:])


def baseline(classes: Classes) -> fixmatch.Method:
    config = fixmatch.Config(
        student=STUDENT, dropout=0.0, streams=1, feature_weight=0.0, strong_weight=1.0, halve=False,
        partner="reversed", guesser="average", keep="average",
    )  # fmt: skip
    return fixmatch.Method.build(config, classes, seed=0)


def plain() -> viladiff.Config:
    """Without captions and MixE the objective is the baseline's, which the comparison rests on."""
    return viladiff.Config(student=STUDENT, dropout=0.0, captions=None, mix="none")


def pictures() -> SemiStep:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(CLASSES, (BATCH, SIDE, SIDE), generator=generator)
    crop = Crop(torch.tensor([[0.0, 0.0, 1.0, 1.0]] * BATCH), torch.zeros(BATCH, dtype=torch.bool))

    def images() -> Tensor:
        return torch.rand(BATCH, 3, SIDE, SIDE, generator=generator)

    def columns() -> dict[str, Tensor]:
        tokens = torch.randn(BATCH, WORDS, WIDTH, generator=generator)
        return {TOKENS: tokens, f"{TOKENS}.length": torch.full((BATCH,), WORDS)}

    names = tuple("abcd"[:BATCH])
    labelled = Labelled(names, images(), Target(labels, torch.ones(labels.shape)), crop, columns())
    valid = torch.ones_like(labels, dtype=torch.bool)
    return SemiStep(labelled, Unlabelled(names, images(), images()[None], valid, crop, columns()))


def training_step(method: Method[SemiStep], batch: SemiStep, progress: Progress) -> Step:
    """Forward to optimiser, and the teacher's."""
    method.train()
    trained = [p for p in method.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-4)

    def step() -> Tensor:
        optimiser.zero_grad()
        total = method.losses(batch, progress).total
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        method.after_step(progress)
        return total.detach()

    return step
