"""The one LightningModule: it runs any `Method`."""

from collections.abc import Mapping, Sequence
from typing import Any

import lightning
import torch
from torch import Tensor

from seglet.engine.learning_rate import learning_rate_factor, scheduled_learning_rate
from seglet.engine.optimise import build_optimiser
from seglet.engine.settings import Settings
from seglet.methods.base import Method
from seglet.methods.protocols import BeforeStep, NonFiniteDiagnosis, UnsynchronisedBuffers
from seglet.types import Losses, Progress

_ALL_PROCESSES = 2**31
"""In place of a rank: seeds that all processes share."""


class TrainingModule(lightning.LightningModule):
    """Takes a method from step `start` on; what a step draws depends on (seed, step, rank, micro-batch) alone."""

    def __init__(self, method: Method[Any], settings: Settings, start: int = 0) -> None:
        super().__init__()
        self.method = method
        self.settings = settings
        self.start = start
        self.latest: Mapping[str, Tensor] = {}
        self.batch: Any = None
        # what DistributedDataParallel looks for: buffers that it would send to all processes in every step
        self._ddp_params_and_buffers_to_ignore = [f"method.{name}" for name in unsynchronised_buffers(method)]

    @property
    def step(self) -> int:
        """Optimiser steps done, over all runs that this one resumes."""
        return self.start + self.global_step

    def progress(self, micro: int = 0) -> Progress:
        settings = self.settings
        seed = mix_seed(settings.seed, self.step, self.global_rank, micro)
        return Progress(self.step, settings.steps, seed, mix_seed(settings.seed, self.step, _ALL_PROCESSES, micro))

    def training_step(self, batch: Any, index: int) -> Tensor:
        progress = self.progress(index % self.settings.accumulate)
        torch.manual_seed(progress.seed)  # whatever draws without being given a generator: dropout
        self.batch = batch
        losses = self.method.losses(batch, progress)
        if not torch.isfinite(losses.total):
            raise NonFiniteLossError(losses, batch, progress, diagnose_step(self.method, batch, progress))
        self.latest = {"loss": losses.total.detach(), **{name: term.detach() for name, term in losses.terms.items()}}
        return losses.total

    def on_train_batch_start(self, batch: Any, index: int) -> None:
        rate = scheduled_learning_rate(self.step, self.settings) * learning_rate_factor(self.method, self.settings)
        for group in self.trainer.optimizers[0].param_groups:
            if not group.get("constant_rate"):
                group["lr"] = rate * group.get("rate", 1.0)

    def on_after_backward(self) -> None:
        if self.step == self.start and self.trainer.world_size > 1:
            check_gradients(self.method)

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        if isinstance(self.method, BeforeStep):
            self.method.before_step()

    def finish_step(self) -> None:
        """Called once after each optimiser step, before anything is scored or saved."""
        settings = self.settings
        seed, common = (  # no micro-batch of the next step has them
            mix_seed(settings.seed, self.step, rank, settings.accumulate) for rank in (0, _ALL_PROCESSES)
        )
        self.method.after_step(Progress(self.step, settings.steps, seed, common))

    def ends_step(self, index: int) -> bool:
        """Whether the micro-batch `index` was the last of its optimiser step."""
        return (index + 1) % self.settings.accumulate == 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return build_optimiser(self.method, self.settings)


class UnusedParametersError(ValueError):
    """Some parameters have no part in the loss, which training on several devices does not allow."""


def check_gradients(method: Method[Any]) -> None:
    """Checks that every trained parameter of the method has a gradient; otherwise processes would wait for it forever.

    Raises:
        UnusedParametersError: some have none; names the first.
    """
    unused = [name for name, weight in method.named_parameters() if weight.requires_grad and weight.grad is None]
    if unused:
        raise UnusedParametersError(
            f"{len(unused)} parameters, such as {unused[0]!r}, have no part in the loss, which training on several "
            "devices does not allow; use them in `losses`, build no module that is not used (auxiliary_weight 0 builds "
            "no auxiliary head), or freeze them with requires_grad_(False)"
        )


class NonFiniteLossError(ValueError):
    """A loss became NaN or infinite; knows in which step, on what, and which terms."""

    def __init__(self, losses: Losses, batch: Any, progress: Progress, findings: Sequence[str] = ()) -> None:
        self.batch, self.progress = batch, progress
        culprits = [name for name, term in losses.terms.items() if not torch.isfinite(term).all()]
        ids = ", ".join(map(str, getattr(batch, "ids", ())))
        blamed = f" ({'; '.join(findings)})" if findings else ""
        super().__init__(
            f"the loss of step {progress.step} is {losses.total.item()}; not finite: "
            f"{', '.join(culprits) or 'only the sum'}; samples {ids}{blamed}; "
            "lower learning_rate or set clip; the step is kept, `seglet replay RUN` takes it again"
        )


def diagnose_step(method: Method[Any], batch: Any, progress: Progress) -> list[str]:
    """What the method knows of the samples behind a loss that is not finite; leaves its state as it was.

    Nothing in one of several processes: to look again may need all of them, and the others are elsewhere.
    """
    if not isinstance(method, NonFiniteDiagnosis):
        return []
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return []
    buffers = {name: buffer.clone() for name, buffer in method.named_buffers()}
    try:
        with torch.no_grad():
            return method.diagnose_non_finite(batch, progress)
    except (ValueError, RuntimeError):  # what is told must be the loss, not a second error on the way to its cause
        return []
    finally:
        for name, buffer in method.named_buffers():
            buffer.copy_(buffers[name])


def unsynchronised_buffers(method: Method[Any]) -> list[str]:
    """Returns the names of the buffers that the method keeps equal in all processes by itself."""
    return method.unsynchronised_buffers() if isinstance(method, UnsynchronisedBuffers) else []


def mix_seed(*numbers: int) -> int:
    """A 63-bit seed from whole numbers; different inputs give unrelated seeds."""
    state = 0x9E3779B97F4A7C15
    for number in numbers:  # splitmix64 rounds
        state = (state ^ (number + 0x9E3779B97F4A7C15)) * 0xBF58476D1CE4E5B9 % 2**64
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
        state ^= state >> 31
    return state >> 1
