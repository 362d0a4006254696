"""What happens between optimiser steps: validation, checkpoints, metrics, progress, signals.

Order within a step: the method's own `after_step`, validation, then the checkpoint, which so knows the score.
"""

import json
import math
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import lightning
import torch
from torch import Tensor

from seglet.engine.checkpoint import checkpoint_name, delete_old_checkpoints, save_checkpoint
from seglet.engine.console import ProgressDisplay
from seglet.engine.module import TrainingModule
from seglet.engine.run import Run
from seglet.methods.protocols import ExtraValidation, PredictFunction, ReferencePredictions, TrainingWarnings

_Scores = Mapping[str, float]


class AfterStep(lightning.Callback, ABC):
    """Calls `act` once after each optimiser step (not after each micro-batch)."""

    @abstractmethod
    def act(self, trainer: lightning.Trainer, module: TrainingModule) -> None: ...

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if pl_module.ends_step(batch_idx):
            self.act(trainer, pl_module)


class FinishStep(AfterStep):
    """Lets the method end its step; the first of all, for Lightning calls callbacks before the module's own hook."""

    def act(self, trainer: lightning.Trainer, module: TrainingModule) -> None:
        module.finish_step()


class MetricsFile:
    """One JSON object a line, null for what is no number, flushed as it is written; silent on all ranks but the first.

    `mirror` is told the same.
    """

    def __init__(
        self, path: Path, active: bool, mirror: Callable[[int, Mapping[str, float]], None] | None = None
    ) -> None:
        self.path = path
        self.active = active
        self.mirror = mirror

    def write(self, step: int, values: Mapping[str, float]) -> None:
        if not self.active:
            return
        known = {name: value if math.isfinite(value) else None for name, value in values.items()}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **known}) + "\n")
        if self.mirror is not None:
            self.mirror(step, values)


class ReportMetrics(AfterStep):
    """Logs the terms of the loss, mean over the steps since the last line; moves the progress bar; prints warnings."""

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
        means = {name: total.item() / self.count for name, total in self.sums.items()}
        pace = self.count / (time.perf_counter() - self.since)
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        self.metrics.write(module.step, {**_prefixed("train", means), "learning_rate": rate, "steps_per_second": pace})
        self.bar.advance(module.step, f"loss {means['loss']:.3f}")
        if isinstance(module.method, TrainingWarnings):
            self.warn(module.method.training_warnings(means, module.progress()), module.step)
        self.sums, self.count, self.since = {}, 0, time.perf_counter()

    def warn(self, warnings: Mapping[str, str], step: int) -> None:
        """Says what goes wrong once, and again if it had gone right meanwhile."""
        for name in sorted(warnings.keys() - self.warned):
            self.bar.note(f"step {step}: {warnings[name]}")
        self.warned = set(warnings)


class ScoreReferences(lightning.Callback):
    """Scores the networks that a method learns from before its first step, and says what they reach."""

    def __init__(
        self, score: Callable[[PredictFunction], _Scores], metrics: MetricsFile, note: Callable[[str], None]
    ) -> None:
        self.score = score
        self.metrics = metrics
        self.note = note

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if not isinstance(pl_module.method, ReferencePredictions):
            return
        for name, predict in pl_module.method.reference_predictions().items():
            with torch.inference_mode(), trainer.precision_plugin.forward_context():
                scores = self.score(predict)
            self.metrics.write(0, _prefixed(name, scores))
            self.note(f"the {name}: mIoU {100 * scores['miou']:.2f} %, ECE {100 * scores['ece_10']:.2f} %")


class Validation(AfterStep):
    """Scores the method, and its extra predictions, every so often and keeps the Segmenter that scores best."""

    def __init__(
        self, score: Callable[[PredictFunction], _Scores], run: Run, metrics: MetricsFile, note: Callable[[str], None]
    ) -> None:
        self.score = score
        self.run = run
        self.metrics = metrics
        self.note = note
        self.best = -1.0
        self.best_step = 0

    def act(self, trainer: lightning.Trainer, module: TrainingModule) -> None:
        settings = module.settings
        if module.step % settings.validate_every and module.step != settings.steps:
            return
        module.method.eval()
        self.agree(trainer, module)
        with torch.inference_mode(), trainer.precision_plugin.forward_context():
            scores = self.score(module.method.predict)
            beside = {name: self.score(predict) for name, predict in self.extra(module).items()}
        module.method.train()
        score = module.step if settings.selection == "last" else scores[settings.selection]
        if score > self.best or not self.best_step:  # there is a model even if nothing could be scored
            self.best, self.best_step = -1.0 if math.isnan(score) else float(score), module.step
            if trainer.is_global_zero:
                module.method.segmenter().save(self.run.model)
        others = {key: value for name, found in beside.items() for key, value in _prefixed(name, found).items()}
        self.metrics.write(module.step, {**_prefixed("val", scores), **others})
        also = "".join(f"; the {name}: mIoU {100 * found['miou']:.2f} %" for name, found in beside.items())
        self.note(f"step {module.step}: mIoU {100 * scores['miou']:.2f} %, ECE {100 * scores['ece_10']:.2f} %{also}")

    def extra(self, module: TrainingModule) -> Mapping[str, PredictFunction]:
        """Returns what else the method has to score."""
        return module.method.extra_predictions() if isinstance(module.method, ExtraValidation) else {}

    def agree(self, trainer: lightning.Trainer, module: TrainingModule) -> None:
        """All processes take the first one's batch-norm statistics, which are those that are saved.

        The next step would begin with the same broadcast.
        """
        if trainer.world_size > 1:
            for buffer in module.method.buffers():
                torch.distributed.broadcast(buffer, src=0)


class SaveCheckpoints(AfterStep):
    """Saves the state of training every so often, and at once when the process is asked to stop."""

    def __init__(self, run: Run, validation: Validation, stop: "StopOnSignal") -> None:
        self.run = run
        self.validation = validation
        self.stop = stop

    def act(self, trainer: lightning.Trainer, module: TrainingModule) -> None:
        stopping = self.stop.agreed(trainer)
        due = module.step % module.settings.checkpoint_every == 0 or module.step == module.settings.steps
        if due or stopping:
            self.save(trainer, module)
        if stopping:
            trainer.should_stop = True

    def save(self, trainer: lightning.Trainer, module: TrainingModule) -> None:
        if not trainer.is_global_zero:
            return
        state = {
            "step": module.step,
            "method": module.method.state_dict(),
            "optimiser": trainer.optimizers[0].state_dict(),
            "precision": trainer.precision_plugin.state_dict(),
            "best": {"score": self.validation.best, "step": self.validation.best_step},
        }
        save_checkpoint(self.run.checkpoints / checkpoint_name(module.step), state)
        delete_old_checkpoints(self.run.checkpoints, module.settings.keep_checkpoints, module.step)


class StopOnSignal(lightning.Callback):
    """SIGTERM or Ctrl-C: finish the step, save, stop. A second one stops at once."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.before: dict[int, Any] = {}

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # signals are the main thread's
        for number in (signal.SIGTERM, signal.SIGINT):
            self.before[number] = signal.signal(number, self.note)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    def note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)

    def agreed(self, trainer: lightning.Trainer) -> bool:
        """Whether any process was asked to stop; all processes answer alike."""
        if trainer.world_size == 1:
            return self.signal is not None
        asked = torch.tensor(self.signal or 0, device=trainer.strategy.root_device)
        torch.distributed.all_reduce(asked, torch.distributed.ReduceOp.MAX)
        self.signal = int(asked.item()) or None
        return self.signal is not None


def _prefixed(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}/{name}": value for name, value in values.items()}
