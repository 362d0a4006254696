"""Training of an experiment, from its data to a segmenter in the run's folder."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning

from seglet.data.dataset import Dataset
from seglet.data.opening import names_of_several, names_world
from seglet.engine.acceleration import accelerated, acceleration_notes, check_compiler
from seglet.engine.callbacks import FinishStep, ReportMetrics, SaveFailedStep, StopOnSignal
from seglet.engine.checkpoint import checkpoint_steps, load_newest_checkpoint
from seglet.engine.console import ProgressDisplay, print_message
from seglet.engine.datasets import open_datasets
from seglet.engine.experiment import Experiment
from seglet.engine.method_setup import add_columns, build_method, training_notes
from seglet.engine.metrics import MetricsFile, ScalarWriter
from seglet.engine.module import TrainingModule
from seglet.engine.phase_cost import PhaseCost, PhaseTimer, device_name, peak_memory
from seglet.engine.preconditions import check_annotation, check_hardware
from seglet.engine.processes import is_first_process, with_launched_processes
from seglet.engine.run import Run
from seglet.engine.sample_images import save_config_sheets, save_training_views, save_validation_images
from seglet.engine.saving import RestoreOptimiser, SaveCheckpoints, restore_weights
from seglet.engine.settings import Settings, saves_memory
from seglet.engine.trainer import build_trainer, fit_module
from seglet.engine.training_loader import TrainingDataModule
from seglet.engine.validation import (
    ScoreReferences,
    StopEarly,
    Validation,
    out_of_patience,
    reference_scores,
    validation_scores,
)
from seglet.methods.base import Method
from seglet.methods.protocols import Artefacts, PredictFunction
from seglet.values import ConfigError

if TYPE_CHECKING:
    from seglet.engine.trackers import Tracker

_PHASES = {"offline": "offline phase (seglet prepare)", "online": "online phase (training)"}


class InterruptedTrainingError(KeyboardInterrupt):
    """Training was asked to stop and did, with everything saved."""

    def __init__(self, signal: int, run: Run, step: int) -> None:
        super().__init__(
            f"stopped at step {step} as asked; everything is saved: go on with --resume --out {run.folder}"
        )
        self.signal = signal


@dataclass(frozen=True)
class StartOptions:
    """Start of a run: in a new folder, from its newest checkpoint (`resume`), or over an old run (`overwrite`).

    `force` resumes although the experiment has changed.
    """

    resume: bool = False
    overwrite: bool = False
    force: bool = False


def train_experiment(experiment: Experiment, folder: Path, start: StartOptions = StartOptions()) -> Run:
    """Trains, validates and saves checkpoints; returns the run, whose folder has the results.

    Raises:
        ConfigError: the experiment cannot run, or the folder holds another one.
        DataError: the data are not sound.
        CheckpointError: there is nothing whole to resume from.
        InterruptedTrainingError: a signal asked to stop.
    """
    experiment = replace(experiment, settings=with_launched_processes(experiment.settings))
    settings = experiment.settings
    check_hardware(settings)
    check_compiler(settings)
    if saves_memory(settings):
        from seglet.engine.memory import check_memory_settings

        check_memory_settings(settings)
    if settings.trackers:
        from seglet.engine.trackers import check_trackers

        check_trackers(settings.trackers)
    if start.resume:
        _refuse_lost_data(settings.data)
    sets = open_datasets(settings, experiment.config)
    method = build_method(experiment, sets[settings.train_split])
    check_annotation(method, sets, experiment)
    _remember_use(method, sets.values(), settings)
    sets = add_columns(experiment, sets)
    run = Run(folder)  # nothing is written, or thrown away, before all of the above is sound
    with run.locked() if is_first_process() else contextlib.nullcontext():
        state = _open_run(run, experiment, {split: data.fingerprint for split, data in sets.items()}, start)
        if state:
            restore_weights(method, state)
        _Training(run, experiment, method, sets).fit(state)
    return run


def _refuse_lost_data(data: str) -> None:
    """Checks that the data of a run that is to be resumed are still where they were.

    Raises:
        ConfigError: they are not.
    """
    if not names_world(data) and not all(Path(name).exists() for name in names_of_several(data)):
        raise ConfigError(f"the run's data {data!r} are not there; where they moved, give --data with their new place")


def _remember_use(method: Method[Any], sets: Iterable[Dataset], settings: Settings) -> None:
    """Lets the saved network look at images as it is meant to: with its method's test protocol, in the windows of its
    validations, and with more than 8 bits scaled as those of the data sets are."""
    segmenter = method.segmenter()
    whites = next((data.whites for data in sets if data.whites is not None), None)
    defaults = method.inference_defaults()
    if defaults.window is None and settings.val_window is not None:
        defaults = replace(defaults, window=settings.val_window, stride=settings.val_stride)
    inference = defaults if defaults.as_dict() else None
    segmenter.architecture = replace(segmenter.architecture, whites=whites, inference=inference)


def _open_run(run: Run, experiment: Experiment, data: dict[str, str], start: StartOptions) -> Any:
    """Begins or resumes the run in its folder; returns the state to resume from, None at the beginning."""
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


@dataclass(frozen=True)
class _Training:
    """A method, ready to be trained on its data, and the folder for the results."""

    run: Run
    experiment: Experiment
    method: Method[Any]
    sets: dict[str, Dataset]

    def fit(self, state: Any) -> None:
        """Trains from the state of a checkpoint, or from the first step if it is None."""
        with self._trackers() as trackers:
            self._fit(state, [tracker.scalars for tracker in trackers])
            if trackers:
                from seglet.engine.trackers import send_results

                send_results(self.run, self.method.segmenter(), trackers)

    def _fit(self, state: Any, copies: Sequence[ScalarWriter]) -> None:
        run, settings = self.run, self.experiment.settings
        begin = state["step"] if state else 0
        module, stop = TrainingModule(self.method, settings, begin), StopOnSignal()
        bar = ProgressDisplay(f"{self.experiment.method} → {run.folder}", settings.steps, active=is_first_process())
        with contextlib.ExitStack() as cleanup:
            cleanup.enter_context(accelerated(self.method, settings))
            if settings.activation_checkpointing:
                from seglet.engine.memory import checkpointed_student

                cleanup.enter_context(checkpointed_student(self.method))
            metrics = MetricsFile(run.metrics, is_first_process(), copies)
            callbacks = self._callbacks(module, metrics, bar, stop, state)
            if not state and is_first_process():
                self._describe(bar)
            trainer = build_trainer(settings, begin, run.folder, callbacks)
            cleanup.enter_context(contextlib.closing(bar))
            if begin < settings.steps and not self._ended_early(state, bar):
                steps = TrainingDataModule(self._training_set, self.experiment, self.method.supervision, begin)
                timer = PhaseTimer(trainer.strategy.root_device)
                fit_module(trainer, module, steps)
                if is_first_process():
                    self._note_costs(timer.cost())
        if stop.signal:
            raise InterruptedTrainingError(stop.signal, run, module.step)
        if is_first_process():
            run.note_hardware(device_name(trainer.strategy.root_device), peak_memory(trainer.strategy.root_device))
            self.method.segmenter().save(run.last)
            options = settings.validation_options()
            save_validation_images(run.samples, self.sets[settings.val_split], self.method, options)

    def _trackers(self) -> contextlib.AbstractContextManager["Sequence[Tracker]"]:
        """Returns the trackers that the first process feeds, for as long as it trains."""
        names = self.experiment.settings.trackers if is_first_process() else ()
        if not names:
            return contextlib.nullcontext(())
        from seglet.engine.trackers import trackers_of

        return trackers_of(self.run, self.experiment, names)

    def _note_costs(self, online: PhaseCost) -> None:
        """Writes time and peak memory of both phases into the record, and prints them."""
        method: Any = self.experiment.method_class
        offline: dict[str, PhaseCost] = {}
        if isinstance(method, Artefacts) or method.producers(self.experiment.config, self._training_set.classes):
            from seglet.engine.artefacts import offline_costs_of

            offline = offline_costs_of(self.experiment, self._training_set)
        self.run.note_costs(offline, online)
        for name, cost in self.run.costs().items():
            print_message(f"{_PHASES[name]}: {cost.text()}")

    def _ended_early(self, state: Any, bar: ProgressDisplay) -> bool:
        """Returns whether a run to be resumed had stopped early, and says so."""
        if not state or not out_of_patience(state["step"], state["best"]["step"], self.experiment.settings):
            return False
        bar.note(f"this run stopped early at step {state['step']}; more `patience`, with --force, would go on")
        if is_first_process():
            self.run.note_early_stop(state["step"], state["best"]["step"])
        return True

    @property
    def _training_set(self) -> Dataset:
        return self.sets[self.experiment.settings.train_split]

    def _callbacks(
        self, module: TrainingModule, metrics: MetricsFile, bar: ProgressDisplay, stop: StopOnSignal, state: Any
    ) -> list[lightning.Callback]:
        settings = self.experiment.settings

        def score(predict: PredictFunction, labels: Sequence[int] | None = None) -> dict[str, float]:
            return validation_scores(module, self.sets[settings.val_split], predict, labels)

        validation = Validation(score, self.run, metrics, bar.note, self._training_set)
        report = ReportMetrics(metrics, bar, every=max(1, min(50, settings.steps // 20)))
        callbacks = [
            FinishStep(),
            report,
            validation,
            StopEarly(validation, report),
            SaveCheckpoints(self.run, validation, stop),
            stop,
            SaveFailedStep(self.run),
        ]
        if state is None:
            score_reference = partial(reference_scores, module, self.sets[settings.val_split])
            return [ScoreReferences(score_reference, metrics, bar.note), *callbacks]
        validation.best, validation.best_step = state["best"]["score"], state["best"]["step"]
        return [*callbacks, RestoreOptimiser(state)]

    def _describe(self, bar: ProgressDisplay) -> None:
        """Prints notes about the training, and saves images of what it reads."""
        notes = training_notes(self.method, self.experiment, self._training_set)
        settings = self.experiment.settings
        if settings.strategy == "fsdp" and settings.devices == 1:
            notes.append("strategy: fsdp has no effect on one device: there is nothing to divide the teachers among")
        for line in [*notes, *acceleration_notes(settings)]:
            bar.note(line)
        save_training_views(self.run.samples, self._training_set, self.experiment.settings)
        save_config_sheets(self.run.samples, self._training_set, self.experiment)
