"""The one LightningModule: it runs any `Method`."""

from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor

from seglet.engine.optimise import learning_rate, optimiser
from seglet.engine.settings import Settings
from seglet.methods.base import Method
from seglet.types import Losses, Progress


class TrainingModule(lightning.LightningModule):
    """Takes a method from step `start` on; what a step draws depends on (seed, step, rank, micro-batch) alone."""

    def __init__(self, method: Method[Any], settings: Settings, start: int = 0) -> None:
        super().__init__()
        self.method = method
        self.settings = settings
        self.start = start
        self.latest: Mapping[str, Tensor] = {}
        self.batch: Any = None

    @property
    def step(self) -> int:
        """Optimiser steps done, over all runs that this one resumes."""
        return self.start + self.global_step

    def progress(self, micro: int = 0) -> Progress:
        settings = self.settings
        seed = mix(settings.seed, self.step, self.global_rank, micro)
        return Progress(self.step, settings.steps, seed)

    def training_step(self, batch: Any, index: int) -> Tensor:
        progress = self.progress(index % self.settings.accumulate)
        torch.manual_seed(progress.seed)  # whatever draws without being given a generator: dropout
        self.batch = batch
        losses = self.method.losses(batch, progress)
        _refuse_non_finite(losses, batch, self.step)
        self.latest = {"loss": losses.total.detach(), **{name: term.detach() for name, term in losses.terms.items()}}
        return losses.total

    def on_train_batch_start(self, batch: Any, index: int) -> None:
        rate = learning_rate(self.step, self.settings)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def on_train_batch_end(self, outputs: Any, batch: Any, index: int) -> None:
        if self.stepped(index):
            settings = self.settings
            seed = mix(settings.seed, self.step, 0, settings.accumulate)  # no micro-batch of the next step has it
            self.method.after_step(Progress(self.step, settings.steps, seed))

    def stepped(self, index: int) -> bool:
        """Whether the micro-batch `index` was the last of its optimiser step."""
        return (index + 1) % self.settings.accumulate == 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return optimiser(self.method, self.settings)


class NonFiniteLossError(ValueError):
    """A loss became NaN or infinite."""


def _refuse_non_finite(losses: Losses, batch: Any, step: int) -> None:
    if torch.isfinite(losses.total):
        return
    culprits = [name for name, term in losses.terms.items() if not torch.isfinite(term).all()]
    raise NonFiniteLossError(
        f"the loss of step {step} is {losses.total.item()}; not finite: {', '.join(culprits) or 'only the sum'}; "
        f"samples {', '.join(map(str, getattr(batch, 'ids', ())))}; lower learning_rate, set clip, "
        "or look at the batch that was saved in the run's folder"
    )


def mix(*numbers: int) -> int:
    """A 63-bit seed from whole numbers; different inputs give unrelated seeds."""
    state = 0x9E3779B97F4A7C15
    for number in numbers:  # splitmix64 rounds
        state = (state ^ (number + 0x9E3779B97F4A7C15)) * 0xBF58476D1CE4E5B9 % 2**64
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
        state ^= state >> 31
    return state >> 1
