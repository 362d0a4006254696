"""From an experiment to a trained Segmenter in a run's folder."""

import logging
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning
import torch

from seglet import methods
from seglet.data.dataset import Dataset
from seglet.data.loading import evaluation_samples
from seglet.engine import checkpoint
from seglet.engine.callbacks import Checkpoints, Evidence, Metrics, Report, StopRequest, Validation
from seglet.engine.console import Steps
from seglet.engine.experiment import Experiment
from seglet.engine.feed import Feed, datasets
from seglet.engine.module import TrainingModule
from seglet.engine.pictures import training_views, validation_pictures
from seglet.engine.run import Run
from seglet.engine.settings import Settings
from seglet.engine.values import ConfigError
from seglet.evaluation.evaluate import EvaluationOptions, evaluate
from seglet.methods.base import Method


class InterruptedTrainingError(KeyboardInterrupt):
    """Training was asked to stop and did, with everything saved."""

    def __init__(self, signal: int, run: Run, step: int) -> None:
        super().__init__(
            f"stopped at step {step} as asked; everything is saved: go on with --resume --out {run.folder}"
        )
        self.signal = signal


@dataclass(frozen=True)
class Start:
    """How a run begins: afresh, over an old one, or where an interrupted one stood."""

    resume: bool = False
    overwrite: bool = False
    force: bool = False


def train(experiment: Experiment, folder: Path, start: Start = Start()) -> Run:
    """Trains, validates, checkpoints; the run's folder holds the results.

    Raises:
        ConfigError: the experiment cannot run, or the folder holds another one.
        DataError: the data are not sound.
        CheckpointError: there is nothing whole to resume from.
        InterruptedTrainingError: a signal asked to stop.
    """
    experiment = replace(experiment, settings=_with_launcher(experiment.settings))
    settings = experiment.settings
    refuse_missing_hardware(settings)
    sets = datasets(settings)
    run = Run(folder)
    state = _open(run, experiment, {split: data.fingerprint for split, data in sets.items()}, start)
    method = build_method(experiment, sets[settings.train_split])
    if state:
        method.load_state_dict(state["method"])
    _fit(run, experiment, method, sets, state)
    return run


def build_method(experiment: Experiment, data: Dataset) -> Method[Any]:
    """The method with its initial weights, which depend on the seed alone."""
    torch.manual_seed(experiment.settings.seed)
    built: Method[Any] = methods.load(experiment.method).Method.build(
        experiment.config, data.classes, experiment.settings.seed
    )
    return built


def _open(run: Run, experiment: Experiment, data: dict[str, str], start: Start) -> Any:
    if start.resume:
        if first_process():
            run.resume(experiment, data, start.force)
        step, state = checkpoint.load_newest(run.checkpoints)
        if first_process():
            run.cut_metrics(step)
        return state
    if first_process():
        run.start(experiment, data, start.overwrite)
    return None


def _fit(run: Run, experiment: Experiment, method: Method[Any], sets: dict[str, Dataset], state: Any) -> None:
    settings = experiment.settings
    begin = state["step"] if state else 0
    module = TrainingModule(method, settings, begin)
    metrics, stop = Metrics(run.metrics, first_process()), StopRequest()
    bar = Steps(f"{experiment.method} → {run.folder}", settings.steps, active=first_process())
    validation = Validation(lambda: scores(module, sets[settings.val_split]), run, metrics, bar.note)
    callbacks = [
        Report(metrics, bar.advance, every=max(1, min(50, settings.steps // 20))),
        validation,
        Checkpoints(run, validation, stop),
        stop,
        Evidence(run),
    ]
    if state:
        validation.best, validation.best_step = state["best"]["score"], state["best"]["step"]
        callbacks.append(Restore(state))
    elif first_process():
        training_views(run.samples, sets[settings.train_split], settings)
    trainer = make_trainer(settings, begin, callbacks)
    try:
        if begin < settings.steps:
            trainer.fit(module, Feed(sets[settings.train_split], settings, begin))
    finally:
        bar.close()
    if stop.signal:
        raise InterruptedTrainingError(stop.signal, run, module.step)
    if first_process():
        method.student.save(run.last)
        validation_pictures(run.samples, sets[settings.val_split], method)


class Restore(lightning.Callback):
    """Puts the optimiser and the loss scaler where they stood."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        trainer.optimizers[0].load_state_dict(self.state["optimiser"])
        if self.state["precision"]:
            trainer.precision_plugin.load_state_dict(self.state["precision"])


def scores(module: TrainingModule, data: Dataset) -> dict[str, float]:
    """Validation over all processes, each picture once, at the size of its mask."""
    samples = evaluation_samples(data, module.global_rank, module.trainer.world_size)
    options = EvaluationOptions(batch=8, replicas=0)
    return evaluate(module.method.predict, samples, data.classes, options, device=module.device).reduce().scores()


def make_trainer(settings: Settings, begin: int, callbacks: list[lightning.Callback]) -> lightning.Trainer:
    """Lightning with everything switched off that we do ourselves: loops over validation, logs, checkpoints, bars."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for noise in ("does not have many workers", "GPU available but not used", "isinstance.treespec, LeafSpec."):
        warnings.filterwarnings("ignore", f".*{noise}.*")
    return lightning.Trainer(
        max_steps=settings.steps - begin,
        max_epochs=-1,
        accelerator=settings.accelerator,
        devices=settings.devices,
        strategy="ddp" if settings.devices > 1 else "auto",
        precision=settings.precision,
        accumulate_grad_batches=settings.accumulate,
        gradient_clip_val=settings.clip,
        sync_batchnorm=settings.sync_bn,
        deterministic="warn" if settings.deterministic else False,
        use_distributed_sampler=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=callbacks,
    )


def first_process() -> bool:
    """Whether this is the process that writes; launchers announce the others in the environment."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def refuse_missing_hardware(settings: Settings) -> None:
    """
    Raises:
        ConfigError: the experiment asks for what this machine does not have.
    """
    gpus = 0 if settings.accelerator == "cpu" else torch.cuda.device_count()
    if settings.accelerator == "gpu" and not gpus:
        raise ConfigError(
            "accelerator: gpu was asked for, but torch sees none; try --accelerator cpu, or `seglet doctor`"
        )
    if gpus and settings.devices > gpus and "TORCHELASTIC_RUN_ID" not in os.environ:
        raise ConfigError(f"devices: {settings.devices} were asked for, but there are {gpus} GPUs")
    if settings.precision == "16-mixed" and not gpus:
        raise ConfigError("precision: 16-mixed needs a GPU; take bf16-mixed or 32 on a processor")
    if settings.sync_bn and not gpus:
        raise ConfigError("sync_bn: batch-norm statistics are shared between GPUs only; leave it false on a processor")


def _with_launcher(settings: Settings) -> Settings:
    """Under torchrun the number of processes is already decided."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return settings
    world = int(os.environ["WORLD_SIZE"])
    if settings.batch % (world * settings.accumulate):
        raise ConfigError(
            f"batch {settings.batch} cannot be shared by {world} processes × {settings.accumulate} micro-batches"
        )
    return replace(settings, devices=world)
