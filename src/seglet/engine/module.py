"""The LightningModule that trains every `Method`."""

import contextlib
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
"""Stands for a rank in seeds that all processes share."""


class TrainingModule(lightning.LightningModule):
    """Trains a method from step `start` on.

    The random numbers of a step depend on seed, step, rank and micro-batch alone.
    """

    def __init__(self, method: Method[Any], settings: Settings, start: int = 0) -> None:
        super().__init__()
        self.method = method
        self.settings = settings
        self.start = start
        self.latest: Mapping[str, Tensor] = {}
        self.batch: Any = None
        self.sharded: list[str] = []
        # DistributedDataParallel reads this: names of buffers that it need not broadcast in every step
        self._ddp_params_and_buffers_to_ignore = [f"method.{name}" for name in unsynchronised_buffers(method)]

    @property
    def shards_teachers(self) -> bool:
        """True if teachers are divided among the processes, which then have to run them equally often."""
        return self.settings.strategy == "fsdp" and self.trainer.world_size > 1

    def configure_model(self) -> None:
        if self.shards_teachers and not self.sharded:
            from seglet.engine.memory import shard_teachers

            self.sharded = shard_teachers(self.method, self.trainer.strategy.root_device)
            self._ddp_params_and_buffers_to_ignore += [f"method.{name}" for name in self.sharded]

    def scored_share(self) -> tuple[int, int]:
        """Returns this process's number among those that share the images to score, and how many these are.

        Where teachers are divided, each process scores all images, since it may not run a teacher alone.
        """
        return (0, 1) if self.shards_teachers else (self.global_rank, self.trainer.world_size)

    def scoring(self) -> contextlib.AbstractContextManager[None]:
        """Returns the context in which networks are scored; gathered weights outlive it, so they need to be usual."""
        return torch.no_grad() if self.shards_teachers else torch.inference_mode()

    @property
    def step(self) -> int:
        """Number of optimiser steps done, those before a resume included."""
        return self.start + self.global_step

    def progress(self, micro: int = 0) -> Progress:
        """Returns the progress and the seeds of a micro-batch of the current step."""
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
        """Lets the method end the step; called once after each optimiser step, before anything is scored or saved."""
        settings = self.settings
        seed, common = (  # no micro-batch of the next step has them
            mix_seed(settings.seed, self.step, rank, settings.accumulate) for rank in (0, _ALL_PROCESSES)
        )
        self.method.after_step(Progress(self.step, settings.steps, seed, common))

    def ends_step(self, index: int) -> bool:
        """Returns True for the last micro-batch of an optimiser step."""
        return (index + 1) % self.settings.accumulate == 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return build_optimiser(self.method, self.settings)


class UnusedParametersError(ValueError):
    """Some parameters have no part in the loss, which training on several devices does not allow."""


def check_gradients(method: Method[Any]) -> None:
    """Checks that every trained parameter has a gradient, which DistributedDataParallel needs of each process.

    Raises:
        UnusedParametersError: some have none; the message names the first.
    """
    unused = [name for name, weight in method.named_parameters() if weight.requires_grad and weight.grad is None]
    if unused:
        raise UnusedParametersError(
            f"{len(unused)} parameters, such as {unused[0]!r}, have no part in the loss, which training on several "
            "devices does not allow; use them in `losses`, build no module that is not used (auxiliary_weight 0 builds "
            "no auxiliary head), or freeze them with requires_grad_(False)"
        )


class NonFiniteLossError(ValueError):
    """A loss became NaN or infinite; the message names step, terms and samples."""

    def __init__(self, losses: Losses, batch: Any, progress: Progress, findings: Sequence[str] = ()) -> None:
        self.batch, self.progress = batch, progress
        terms = [name for name, term in losses.terms.items() if not torch.isfinite(term).all()]
        ids = ", ".join(map(str, getattr(batch, "ids", ())))
        details = f" ({'; '.join(findings)})" if findings else ""
        super().__init__(
            f"the loss of step {progress.step} is {losses.total.item()}; not finite: "
            f"{', '.join(terms) or 'only the sum'}; samples {ids}{details}; "
            "lower learning_rate or set clip; the step is kept, `seglet replay RUN` takes it again"
        )


def diagnose_step(method: Method[Any], batch: Any, progress: Progress) -> list[str]:
    """Returns the method's findings about the samples behind a loss that is not finite; its buffers stay as they were.

    Empty in a run of several processes: a second forward pass may need all of them, and the others have gone on.
    """
    if not isinstance(method, NonFiniteDiagnosis):
        return []
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return []
    buffers = {name: buffer.clone() for name, buffer in method.named_buffers()}
    try:
        with torch.no_grad():
            return method.diagnose_non_finite(batch, progress)
    except (
        ValueError,
        RuntimeError,
    ):  # the error to report is the loss, not a second one met while looking for its cause
        return []
    finally:
        for name, buffer in method.named_buffers():
            buffer.copy_(buffers[name])


def unsynchronised_buffers(method: Method[Any]) -> list[str]:
    """Returns the names of the buffers that the method keeps equal in all processes by itself."""
    return method.unsynchronised_buffers() if isinstance(method, UnsynchronisedBuffers) else []


def mix_seed(*numbers: int) -> int:
    """Returns a 63-bit seed made from whole numbers; different numbers give unrelated seeds."""
    state = 0x9E3779B97F4A7C15
    for number in numbers:  # splitmix64 rounds
        state = (state ^ (number + 0x9E3779B97F4A7C15)) * 0xBF58476D1CE4E5B9 % 2**64
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
        state ^= state >> 31
    return state >> 1
