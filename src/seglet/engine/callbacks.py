"""Callbacks between optimiser steps: ending the step, metrics and warnings, failed steps, signals.

Order within a step: the method's own `after_step`, validation, then the checkpoint, which so has the score.
"""

import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import FrameType
from typing import Any

import lightning
import torch
from torch import Tensor

from seglet.engine.console import ProgressDisplay
from seglet.engine.metrics import MetricsFile, with_prefix
from seglet.engine.module import NonFiniteLossError, TrainingModule
from seglet.engine.run import Run
from seglet.methods.protocols import TrainingWarnings


class AfterStep(lightning.Callback, ABC):
    """Calls `act` once after each optimiser step (not after each micro-batch)."""

    @abstractmethod
    def act(self, trainer: lightning.Trainer, module: TrainingModule) -> None: ...

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if pl_module.ends_step(batch_idx):
            self.act(trainer, pl_module)


class FinishStep(AfterStep):
    """Lets the method end its step; the first callback, because Lightning calls callbacks before the module's hook."""

    def act(self, trainer: lightning.Trainer, module: TrainingModule) -> None:
        module.finish_step()


class ReportMetrics(AfterStep):
    """Writes the loss terms, averaged since the last line, moves the progress bar and prints the method's warnings."""

    def __init__(self, metrics: MetricsFile, bar: ProgressDisplay, every: int) -> None:
        self.metrics = metrics
        self.bar = bar
        self.every = every
        self.warned: set[str] = set()
        self.sums: dict[str, Tensor] = {}
        self.count = 0
        self.since = time.perf_counter()

    def act(self, trainer: lightning.Trainer, module: TrainingModule) -> None:
        for name, term in module.latest.items():
            self.sums[name] = self.sums.get(name, torch.zeros((), device=term.device)) + term.float()
        self.count += 1
        if module.step % self.every and module.step != module.settings.steps:
            self.bar.advance(module.step)
            return
        self.write(trainer, module)

    def write(self, trainer: lightning.Trainer, module: TrainingModule) -> None:
        """Writes the terms since the last line, if there are any; the rate is that of a group whose `rate` is 1."""
        if not self.count:
            return
        means = {name: total.item() / self.count for name, total in self.sums.items()}
        pace = self.count / (time.perf_counter() - self.since)
        first = trainer.optimizers[0].param_groups[0]
        rate = first["lr"] / first.get("rate", 1.0)
        terms = with_prefix("train", means)
        self.metrics.write(module.step, {**terms, "learning_rate": rate, "steps_per_second": pace})
        self.bar.advance(module.step, f"loss {means['loss']:.3f}")
        if isinstance(module.method, TrainingWarnings):
            self.warn(module.method.training_warnings(means, module.progress()), module.step)
        self.sums, self.count, self.since = {}, 0, time.perf_counter()

    def warn(self, warnings: Mapping[str, str], step: int) -> None:
        """Prints each warning once, and again if it had ceased meanwhile."""
        for name in sorted(warnings.keys() - self.warned):
            self.bar.note(f"step {step}: {warnings[name]}")
        self.warned = set(warnings)


class SaveFailedStep(lightning.Callback):
    """Saves the step whose loss became NaN or infinite, so that it can be inspected and replayed."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        if isinstance(exception, NonFiniteLossError):
            from seglet.engine.failed_step import save_failed_step

            name = f"step-{exception.progress.step}-rank-{trainer.global_rank}"
            save_failed_step(self.run.failed / name, pl_module.method, exception)


class StopOnSignal(lightning.Callback):
    """Finishes the step, saves and stops after SIGTERM, Ctrl-C, SIGUSR1 or SIGHUP; a second signal stops at once.

    SIGUSR1 is what SLURM sends ahead of a job's end (`--signal=USR1@120`), SIGHUP the end of a terminal; under `nohup`
    that is ignored, and stays so.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.before: dict[int, Any] = {}

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread receives signals
        for name in ("SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP"):  # the last two are not on Windows
            number = getattr(signal, name, None)
            if number is not None and (name != "SIGHUP" or signal.getsignal(number) != signal.SIG_IGN):
                self.before[number] = signal.signal(number, self.receive)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Notes the signal and restores Python's own handler for the next one."""
        self.signal = number
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    def agreed(self, trainer: lightning.Trainer) -> bool:
        """Returns True in all processes if any of them received a signal."""
        if trainer.world_size == 1:
            return self.signal is not None
        received = torch.tensor(self.signal or 0, device=trainer.strategy.root_device)
        torch.distributed.all_reduce(received, torch.distributed.ReduceOp.MAX)
        self.signal = int(received.item()) or None
        return self.signal is not None
