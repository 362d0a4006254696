"""Experiments: files and keys, training, checkpoints, resuming, offline columns. The only layer that uses Lightning."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.engine.datasets import open_datasets, training_data, validation_data
    from seglet.engine.experiment import Experiment, resolve_experiment
    from seglet.engine.failed_step import replay_failed_step
    from seglet.engine.method_setup import build_method
    from seglet.engine.plan import RunPlan, plan_run
    from seglet.engine.prepare import prepare_experiment
    from seglet.engine.run import Run
    from seglet.engine.settings import Settings
    from seglet.engine.train import StartOptions, train_experiment

__all__ = [
    "Experiment",
    "Run",
    "RunPlan",
    "Settings",
    "StartOptions",
    "build_method",
    "open_datasets",
    "plan_run",
    "prepare_experiment",
    "replay_failed_step",
    "resolve_experiment",
    "train_experiment",
    "training_data",
    "validation_data",
]

_HOMES = {
    "Experiment": "seglet.engine.experiment",
    "Run": "seglet.engine.run",
    "RunPlan": "seglet.engine.plan",
    "Settings": "seglet.engine.settings",
    "StartOptions": "seglet.engine.train",
    "build_method": "seglet.engine.method_setup",
    "open_datasets": "seglet.engine.datasets",
    "plan_run": "seglet.engine.plan",
    "prepare_experiment": "seglet.engine.prepare",
    "replay_failed_step": "seglet.engine.failed_step",
    "resolve_experiment": "seglet.engine.experiment",
    "train_experiment": "seglet.engine.train",
    "training_data": "seglet.engine.datasets",
    "validation_data": "seglet.engine.datasets",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
