"""The plan of a run, shown by `--dry-run`: every value with its origin, sizes, and an estimate of cost."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from seglet.data.dataset import Dataset
from seglet.engine.columns import with_columns
from seglet.engine.datasets import open_datasets
from seglet.engine.experiment import Experiment
from seglet.engine.method_setup import build_method, training_notes
from seglet.engine.preconditions import check_hardware
from seglet.engine.training_loader import first_batch
from seglet.methods.base import Method
from seglet.types import Progress
from seglet.values import ConfigError

_STATE_PER_WEIGHT = {"sgd": 4, "adamw": 8}
"""Bytes of optimiser state for each trained weight."""


@dataclass(frozen=True)
class RunPlan:
    """Values, sizes and cost of a run.

    Estimates are for this machine's processor and 32-bit arithmetic; `memory` is in bytes per process.
    """

    values: dict[str, Any]
    origin: dict[str, str]
    samples: dict[str, int]
    classes: list[str]
    trained: int
    frozen: int
    memory: int
    seconds_per_step: float
    notes: list[str]

    def text(self) -> str:
        """Returns the plan as aligned lines."""
        width = max(len(key) for key in self.values)
        lines = [f"{key:<{width}}  {self.values[key]!s:<28}  {self.origin.get(key, '')}" for key in self.values]
        hours = self.seconds_per_step * self.values["steps"] / 3600
        sizes = ", ".join(f"{count} in {split}" for split, count in self.samples.items())
        lines += [
            "",
            f"images    {sizes}; {len(self.classes)} classes: {', '.join(self.classes)}",
            f"parameters  {self.trained:,} trained, {self.frozen:,} frozen (never saved)",
            f"memory      about {self.memory / 2**30:.2f} GiB per process (weights, gradients, optimiser, activations)",
            f"time        about {self.seconds_per_step:.2f} s a step on this processor, {hours:.2f} h in all",
            *self.notes,
        ]
        return "\n".join(lines)


def plan_run(experiment: Experiment) -> RunPlan:
    """Plans a run: builds everything, and measures one step on at most two views.

    Raises:
        ConfigError: the run cannot begin; all reasons are listed.
    """
    try:
        return _measured_plan(experiment)
    except (ValueError, OSError) as error:
        from seglet.engine.problems import run_problems

        problems = run_problems(experiment)
        if len(problems) < 2:
            raise
        lines = "\n  ".join(problems)
        raise ConfigError(f"{len(problems)} problems stop this run:\n  {lines}") from error


def _measured_plan(experiment: Experiment) -> RunPlan:
    settings = experiment.settings
    check_hardware(settings)
    sets = open_datasets(settings, experiment.config)
    train_set = with_columns(experiment, sets[settings.train_split])
    method = build_method(experiment, train_set)
    micro = settings.batch // (settings.devices * settings.accumulate)
    views = min(2, micro)
    activations, seconds = measure_step(method, train_set, experiment, views)
    trained = sum(p.numel() for p in method.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in method.parameters()) - trained
    return RunPlan(
        values=experiment.values(),
        origin=dict(experiment.origin),
        samples={split: len(data) for split, data in sets.items()},
        classes=list(train_set.classes.names),
        trained=trained,
        frozen=frozen,
        memory=trained * (8 + _STATE_PER_WEIGHT[settings.optimiser]) + 4 * frozen + activations * micro // views,
        seconds_per_step=seconds / views * micro * settings.accumulate,
        notes=training_notes(method, experiment, train_set),
    )


def measure_step(method: Method[Any], data: Dataset, experiment: Experiment, views: int) -> tuple[int, float]:
    """Measures one training step on `views` images: bytes kept for the backward pass, and seconds."""
    batch, settings = first_batch(experiment, data, views, method.supervision), experiment.settings
    method.train()
    seconds = []
    for _ in range(2):  # the first step warms up
        kept: dict[int, int] = {}
        begin = time.perf_counter()
        with torch.autograd.graph.saved_tensors_hooks(partial(_count, kept), lambda tensor: tensor):
            total = method.losses(batch, Progress(0, settings.steps, settings.seed)).total
        total.backward()  # type: ignore[no-untyped-call]
        seconds.append(time.perf_counter() - begin)
    weights = {parameter.untyped_storage().data_ptr() for parameter in method.parameters()}
    return sum(size for place, size in kept.items() if place not in weights), seconds[-1]


def _count(kept: dict[int, int], tensor: Tensor) -> Tensor:
    storage = tensor.untyped_storage()
    kept[storage.data_ptr()] = storage.nbytes()
    return tensor
