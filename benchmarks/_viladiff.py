"""A training step of ViLaDiff and of the consistency baseline on the same network, on random images."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seglet.methods import fixmatch
from seglet.methods.base import Method
from seglet.methods.viladiff.captions import TOKENS_COLUMN
from seglet.types import Classes, Crop, Labelled, Progress, SemiStep, Target, Unlabelled

EARLY, LATE = Progress(1, 10), Progress(9, 10)
"""Before labels are refined, and after."""

Step = Callable[[], Tensor]


@dataclass(frozen=True)
class Size:
    """Of a step: pixels a side, images of each kind, classes, tokens of a caption and their channels."""

    side: int
    batch: int
    classes: int
    words: int
    width: int

    @property
    def names(self) -> Classes:
        return Classes(tuple(f"class {k}" for k in range(self.classes)), tuple((k, k, k) for k in range(self.classes)))

    def __str__(self) -> str:
        kinds = f"{self.batch} + {self.batch} x3x{self.side}x{self.side}"
        return f"{kinds}, {self.classes} classes, {self.words} caption tokens"


def baseline(student: str, classes: Classes) -> fixmatch.Method:
    config = fixmatch.Config(
        student=student, dropout=0.0, streams=1, feature_weight=0.0, strong_weight=1.0, halve=False,
        partner="reversed", guesser="average", keep="average",
    )  # fmt: skip
    return fixmatch.Method.build(config, classes, seed=0)


def random_batch(size: Size) -> SemiStep:
    generator = torch.Generator().manual_seed(0)
    batch, side = size.batch, size.side
    labels = torch.randint(size.classes, (batch, side, side), generator=generator)
    crop = Crop(torch.tensor([[0.0, 0.0, 1.0, 1.0]] * batch), torch.zeros(batch, dtype=torch.bool))

    def images() -> Tensor:
        return torch.rand(batch, 3, side, side, generator=generator)

    def columns() -> dict[str, Tensor]:
        tokens = torch.randn(batch, size.words, size.width, generator=generator)
        return {TOKENS_COLUMN: tokens, f"{TOKENS_COLUMN}.length": torch.full((batch,), size.words)}

    names = tuple("abcdefgh"[:batch])
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
