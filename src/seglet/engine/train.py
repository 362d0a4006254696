"""From an experiment to a trained Segmenter in a run's folder."""

import contextlib
import logging
import math
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning
import torch

from seglet import methods
from seglet.data.dataset import Dataset
from seglet.data.loading.loaders import evaluation_samples
from seglet.engine.artefacts import load_artefacts
from seglet.engine.callbacks import (
    FinishStep,
    MetricsFile,
    ReportMetrics,
    SaveCheckpoints,
    ScoreReferences,
    StopOnSignal,
    Validation,
)
from seglet.engine.checkpoint import CheckpointError, checkpoint_steps, load_newest_checkpoint
from seglet.engine.columns import with_columns, with_validation_columns
from seglet.engine.console import ProgressDisplay
from seglet.engine.datasets import data_config, open_datasets
from seglet.engine.events import summary_writer, tensorboard_events
from seglet.engine.experiment import Experiment
from seglet.engine.failed_step import SaveFailedStep
from seglet.engine.module import TrainingModule
from seglet.engine.optimise import learning_rate_factor
from seglet.engine.run import Run
from seglet.engine.sample_images import save_config_sheets, save_training_views, save_validation_images
from seglet.engine.settings import Settings
from seglet.engine.training_loader import TrainingDataModule
from seglet.evaluation.evaluate import evaluate_samples
from seglet.evaluation.options import EvaluationOptions
from seglet.methods.base import Method
from seglet.methods.protocols import BoundaryValidation, PredictFunction, TrainingNotes
from seglet.values import ConfigError


class InterruptedTrainingError(KeyboardInterrupt):
    """Training was asked to stop and did, with everything saved."""

    def __init__(self, signal: int, run: Run, step: int) -> None:
        super().__init__(
            f"stopped at step {step} as asked; everything is saved: go on with --resume --out {run.folder}"
        )
        self.signal = signal


@dataclass(frozen=True)
class StartOptions:
    """How a run begins: afresh, over an old one, or where an interrupted one stood."""

    resume: bool = False
    overwrite: bool = False
    force: bool = False


def train_experiment(experiment: Experiment, folder: Path, start: StartOptions = StartOptions()) -> Run:
    """Trains, validates, checkpoints; the run's folder holds the results.

    Raises:
        ConfigError: the experiment cannot run, or the folder holds another one.
        DataError: the data are not sound.
        CheckpointError: there is nothing whole to resume from.
        InterruptedTrainingError: a signal asked to stop.
    """
    experiment = replace(experiment, settings=_with_launcher(experiment.settings))
    settings = experiment.settings
    check_hardware(settings)
    if settings.tensorboard:
        summary_writer()
    sets = open_datasets(settings, experiment.config)
    method = build_method(experiment, sets[settings.train_split])
    check_annotation(method, sets, experiment)
    sets[settings.val_split] = with_validation_columns(experiment, sets[settings.val_split])
    sets[settings.train_split] = with_columns(experiment, sets[settings.train_split])
    run = Run(folder)  # nothing is written, or thrown away, before all of the above is sound
    state = _open(run, experiment, {split: data.fingerprint for split, data in sets.items()}, start)
    if state:
        _restore(method, state)
    _fit(run, experiment, method, sets, state)
    return run


def build_method(experiment: Experiment, data: Dataset) -> Method[Any]:
    """The method with its initial weights, which depend on the seed alone, and what was made for it before.

    Raises:
        ConfigError: something was not made yet.
    """
    torch.manual_seed(experiment.settings.seed)
    built: Method[Any] = methods.load_method(experiment.method).Method.build(
        experiment.config, data.classes, experiment.settings.seed
    )
    load_artefacts(built, experiment, data)
    return built


def _open(run: Run, experiment: Experiment, data: dict[str, str], start: StartOptions) -> Any:
    if start.resume:
        if is_first_process():
            run.resume(experiment, data, start.force)
        none_yet = not checkpoint_steps(run.checkpoints)  # it ended before the first: begin at the beginning
        step, state = (0, None) if none_yet else load_newest_checkpoint(run.checkpoints)
        if is_first_process():
            run.cut_metrics(step)
        return state
    if is_first_process():
        run.start(experiment, data, start.overwrite)
    return None


def _restore(method: Method[Any], state: Any) -> None:
    try:
        method.load_state_dict(state["method"])
    except RuntimeError as error:
        raise CheckpointError(
            f"the checkpoint holds other networks than this experiment; start again with --overwrite: {error}"
        ) from error


def _fit(run: Run, experiment: Experiment, method: Method[Any], sets: dict[str, Dataset], state: Any) -> None:
    settings = experiment.settings
    begin = state["step"] if state else 0
    module = TrainingModule(method, settings, begin)
    stop, cleanup = StopOnSignal(), contextlib.ExitStack()
    mirror = cleanup.enter_context(
        tensorboard_events(run.folder / "events", settings.tensorboard and is_first_process())
    )
    metrics = MetricsFile(run.metrics, is_first_process(), mirror)
    bar = ProgressDisplay(f"{experiment.method} → {run.folder}", settings.steps, active=is_first_process())

    def score(predict: PredictFunction) -> dict[str, float]:
        return validation_scores(module, sets[settings.val_split], predict)

    validation = Validation(score, run, metrics, bar.note)
    references = ScoreReferences(score, metrics, bar.note)
    callbacks = [
        FinishStep(),
        ReportMetrics(metrics, bar, every=max(1, min(50, settings.steps // 20))),
        validation,
        SaveCheckpoints(run, validation, stop),
        stop,
        SaveFailedStep(run),
    ]
    if state:
        validation.best, validation.best_step = state["best"]["score"], state["best"]["step"]
        callbacks.append(RestoreOptimiser(state))
    else:
        callbacks.insert(0, references)
    if not state and is_first_process():
        for line in training_notes(method, experiment, sets[settings.train_split]):
            bar.note(line)
        seen = sets[settings.train_split]
        save_training_views(run.samples, seen, settings)
        save_config_sheets(run.samples, seen, experiment)
    trainer = build_trainer(settings, begin, callbacks)
    with cleanup, contextlib.closing(bar):
        if begin < settings.steps:
            stream = TrainingDataModule(sets[settings.train_split], experiment, method.supervision, begin)
            _run(trainer, module, stream)
    if stop.signal:
        raise InterruptedTrainingError(stop.signal, run, module.step)
    if is_first_process():
        method.segmenter().save(run.last)
        save_validation_images(run.samples, sets[settings.val_split], method)


def _run(trainer: lightning.Trainer, module: TrainingModule, stream: TrainingDataModule) -> None:
    """Trains; what Lightning makes of an interruption, and gloo of a lost process, is told as what it is."""
    try:
        trainer.fit(module, stream)
    except SystemExit as left:
        if isinstance(left.__context__, KeyboardInterrupt):
            raise left.__context__ from None
        raise
    except RuntimeError as error:
        if trainer.world_size > 1 and "by peer" in str(error):
            raise LostProcessError("another process of this run ended; its own message says why") from error
        raise


class LostProcessError(ValueError):
    """A process that shares the training is gone."""


class RestoreOptimiser(lightning.Callback):
    """Puts the optimiser and the loss scaler where they stood; weight decay and the like are the experiment's."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        optimiser = trainer.optimizers[0]
        chosen = [{key: value for key, value in group.items() if key != "params"} for group in optimiser.param_groups]
        for saved, wanted in zip(self.state["optimiser"]["param_groups"], chosen, strict=True):
            if saved.keys() - {"params"} != wanted.keys():
                raise CheckpointError(
                    "the checkpoint's optimiser is another one than the experiment's; start again with --overwrite"
                )
        optimiser.load_state_dict(self.state["optimiser"])
        for group, wanted in zip(optimiser.param_groups, chosen, strict=True):
            group.update(wanted)
        if self.state["precision"]:
            trainer.precision_plugin.load_state_dict(self.state["precision"])


def validation_scores(module: TrainingModule, data: Dataset, predict: PredictFunction) -> dict[str, float]:
    """Validation of a network over all processes, each image once, at its mask's size.

    Without masks the scores are no numbers.
    """
    if data.read(0).labels is None:
        return dict.fromkeys(("miou", "ece_10"), math.nan)
    samples = evaluation_samples(data, module.global_rank, module.trainer.world_size)
    options = EvaluationOptions(batch=8, replicas=0, boundary=_validates_boundary(module.method))
    return evaluate_samples(predict, samples, data.classes, options, device=module.device).reduce().scores()


def _validates_boundary(method: Method[Any]) -> bool:
    return isinstance(method, BoundaryValidation) and method.validates_boundary


def training_notes(method: Method[Any], experiment: Experiment, data: Dataset) -> list[str]:
    """Returns lines to print before the method is trained on these data."""
    settings = experiment.settings
    lines = list(data_config(experiment.config).training_notes(data, settings.steps, settings.batch))
    factor = learning_rate_factor(method, settings)
    if factor != 1:
        lines.append(
            f"learning rate: {settings.learning_rate * factor:g}, the {settings.learning_rate:g} asked for times "
            f"{factor:g}, because a step has {settings.batch} images"
        )
    if isinstance(method, TrainingNotes):
        lines += method.training_notes(settings.crop, settings.batch // (settings.devices * settings.accumulate))
    return lines


def build_trainer(settings: Settings, begin: int, callbacks: list[lightning.Callback]) -> lightning.Trainer:
    """Lightning with everything switched off that we do ourselves: loops over validation, logs, checkpoints, bars."""
    nodes = (
        int(os.environ.get("WORLD_SIZE", 1)) // int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        if started_by_torchrun()
        else 1
    )
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for noise in (
        "does not have many workers",
        "GPU available but not used",
        "isinstance.treespec, LeafSpec.",
        "in eval mode at the start",
    ):
        warnings.filterwarnings("ignore", f".*{noise}.*")
    return lightning.Trainer(
        max_steps=settings.steps - begin,
        max_epochs=-1,
        accelerator=settings.accelerator,
        devices=settings.devices // nodes,
        num_nodes=nodes,
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


def started_by_torchrun() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_first_process() -> bool:
    """Whether this is the process that writes; launchers announce the others in the environment."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def check_hardware(settings: Settings) -> None:
    """
    Raises:
        ConfigError: the experiment asks for what this machine does not have.
    """
    gpus = 0 if settings.accelerator == "cpu" else torch.cuda.device_count()
    if settings.accelerator == "gpu" and not gpus:
        raise ConfigError(
            "accelerator: gpu was asked for, but torch sees none; try --accelerator cpu, or `seglet doctor`"
        )
    if gpus and settings.devices > gpus and not started_by_torchrun():
        raise ConfigError(f"devices: {settings.devices} were asked for, but there are {gpus} GPUs")
    if settings.precision == "16-mixed" and not gpus:
        raise ConfigError("precision: 16-mixed needs a GPU; take bf16-mixed or 32 on a processor")
    if settings.sync_bn and not gpus:
        raise ConfigError("sync_bn: batch-norm statistics are shared between GPUs only; leave it false on a processor")


def check_annotation(method: Method[Any], sets: Mapping[str, Dataset], experiment: Experiment) -> None:
    """
    Raises:
        ConfigError: the split to train on lacks what the method learns from, or that to validate on has no masks and
            the model is to be selected by a score.
    """
    settings = experiment.settings
    config, sample = data_config(experiment.config), sets[settings.train_split].read(0)
    missing = config.missing_annotation(method.supervision, sample)
    if missing == "masks":
        raise ConfigError(f"the images of {settings.train_split!r} have no masks; choose another train_split")
    if missing == "tags":
        raise ConfigError(
            f"the images of {settings.train_split!r} have no tags; say where they are: "
            f"seglet data check {settings.data} --tags FILE"
        )
    if sets[settings.val_split].read(0).labels is None and settings.selection != "last":
        raise ConfigError(
            f"the images of {settings.val_split!r} have no masks to score on; choose another val_split, or take the "
            "last model unscored: selection: last"
        )


def _with_launcher(settings: Settings) -> Settings:
    """Under torchrun the number of processes is already decided."""
    if not started_by_torchrun():
        return settings
    world = int(os.environ["WORLD_SIZE"])
    if settings.batch % (world * settings.accumulate):
        raise ConfigError(
            f"batch {settings.batch} cannot be shared by {world} processes × {settings.accumulate} micro-batches"
        )
    return replace(settings, devices=world)
