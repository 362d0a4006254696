"""Validation during training: scores of the method, of its teachers and of its further predictions."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import lightning
import numpy as np
import torch

from seglet.data.dataset import Dataset, Sample
from seglet.data.loading.loaders import evaluation_samples
from seglet.engine.callbacks import AfterStep, ReportMetrics
from seglet.engine.metrics import MetricsFile, with_prefix
from seglet.engine.module import TrainingModule
from seglet.engine.run import Run
from seglet.engine.settings import BOUNDARY, Selection, Settings
from seglet.evaluation.evaluate import evaluate_samples
from seglet.methods.base import Method
from seglet.methods.protocols import (
    BoundaryValidation,
    ExtraValidation,
    MapValidation,
    PredictFunction,
    PseudoLabelValidation,
    ReferenceLabels,
    ReferencePredictions,
    ReferenceScores,
)
from seglet.types import IGNORE

_Scores = Mapping[str, float]


def validation_scores(
    module: TrainingModule, data: Dataset, predict: PredictFunction, labels: Sequence[int] | None = None
) -> dict[str, float]:
    """Scores a prediction function over all processes, each image once, at the size of its mask.

    Data without masks give NaN. With `labels`, only pixels with these label ids are counted.
    """
    return reference_scores(module, data, predict, labels)[0]


def reference_scores(
    module: TrainingModule, data: Dataset, predict: PredictFunction, labels: Sequence[int] | None = None
) -> tuple[dict[str, float], list[float]]:
    """Returns `validation_scores` and the IoU of each class, NaN for those without pixels."""
    if data.read(0).labels is None:
        return dict.fromkeys(("miou", "ece_10"), math.nan), [math.nan] * len(data.classes)
    samples: Iterable[Sample] = evaluation_samples(data, *module.scored_share())
    if labels is not None:
        samples = _with_labels(samples, labels)
    selection = Selection.parse(module.settings.selection)
    boundary = _validates_boundary(module.method) or selection.key == BOUNDARY
    options = module.settings.validation_options(boundary, _trust(module.method))
    found = evaluate_samples(predict, samples, data.classes, options, device=module.device).reduce()
    return selection.scores(found), [float(value) for value in found.summary.iou]


def _with_labels(samples: Iterable[Sample], labels: Sequence[int]) -> Iterator[Sample]:
    """Yields the samples with pixels of all other labels ignored."""
    for sample in samples:
        if sample.labels is None:
            yield sample
        else:
            kept = np.where(np.isin(sample.labels, labels), sample.labels, np.uint8(IGNORE))
            yield replace(sample, labels=kept)


def _validates_boundary(method: Method[Any]) -> bool:
    return isinstance(method, BoundaryValidation) and method.validates_boundary


def _trust(method: Method[Any]) -> tuple[float, ...] | None:
    return tuple(method.least_confidences()) if isinstance(method, PseudoLabelValidation) else None


def out_of_patience(step: int, best_step: int, settings: Settings) -> bool:
    """Returns True if `patience` validations after the best one have found nothing better, before the last step.

    `best_step` is 0 as long as nothing was validated.
    """
    waited = (step - best_step) // settings.validate_every if best_step else 0
    return 0 < settings.patience <= waited and step < settings.steps


class ScoreReferences(lightning.Callback):
    """Scores the networks that a method learns from, once before its first step."""

    def __init__(
        self,
        score: Callable[[PredictFunction, Sequence[int] | None], tuple[_Scores, Sequence[float]]],
        metrics: MetricsFile,
        note: Callable[[str], None],
    ) -> None:
        self.score = score
        self.metrics = metrics
        self.note = note

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if not isinstance(pl_module.method, ReferencePredictions):
            return
        method = pl_module.method
        known = method.reference_labels() if isinstance(method, ReferenceLabels) else {}
        for name, predict in method.reference_predictions().items():
            with pl_module.scoring(), trainer.precision_plugin.forward_context():
                scores, iou = self.score(predict, known.get(name))
            self.metrics.write(0, with_prefix(name, scores))
            over = f" over its {len(known[name])} shared classes" if name in known else ""
            self.note(f"the {name}: mIoU {100 * scores['miou']:.2f} %, ECE {100 * scores['ece_10']:.2f} %{over}")
            for line in method.learn_reference_scores(name, iou) if isinstance(method, ReferenceScores) else ():
                self.note(line)


class Validation(AfterStep):
    """Scores the method every `validate_every` steps and saves its segmenter whenever that scores best so far."""

    def __init__(
        self,
        score: Callable[[PredictFunction], _Scores],
        run: Run,
        metrics: MetricsFile,
        note: Callable[[str], None],
        training_set: Dataset,
    ) -> None:
        self.score = score
        self.training_set = training_set
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
        self.share_buffers(trainer, module)
        with module.scoring(), trainer.precision_plugin.forward_context():
            scores = self.score(module.method.predict)
            extra = {name: self.score(predict) for name, predict in self.extra_predictions(module).items()}
            maps = self.map_scores(module)
        module.method.train()
        self.keep_best(trainer, module, scores)
        self.report(module, scores, extra, maps)

    def keep_best(self, trainer: lightning.Trainer, module: TrainingModule, scores: _Scores) -> None:
        """Saves the segmenter if it is the best so far."""
        merit = Selection.parse(module.settings.selection).merit(scores, module.step)
        if self.improves(merit, module.step) and trainer.is_global_zero:
            module.method.segmenter().save(self.run.model)

    def improves(self, merit: float, step: int) -> bool:
        """Returns whether this is the best so far, and remembers it; the first always is, even without a score."""
        better = merit > self.best or not self.best_step
        if better:
            self.best, self.best_step = -1.0 if math.isnan(merit) else float(merit), step
        return better

    def report(
        self, module: TrainingModule, scores: _Scores, extra: Mapping[str, _Scores], maps: Mapping[str, float]
    ) -> None:
        """Writes all scores to the metrics, and a line with the main ones."""
        step = module.step
        others = {key: value for name, found in extra.items() for key, value in with_prefix(name, found).items()}
        self.metrics.write(step, {**with_prefix("val", scores), **others, **with_prefix("maps", maps)})
        also = Selection.parse(module.settings.selection).text(scores)
        also += "".join(f"; the {name}: mIoU {100 * found['miou']:.2f} %" for name, found in extra.items())
        also += f"; maps of training images: mIoU {100 * maps['miou']:.2f} %" if maps else ""
        self.note(f"step {step}: mIoU {100 * scores['miou']:.2f} %, ECE {100 * scores['ece_10']:.2f} %{also}")

    def extra_predictions(self, module: TrainingModule) -> Mapping[str, PredictFunction]:
        """Returns the method's further predictions, if it has some."""
        return module.method.extra_predictions() if isinstance(module.method, ExtraValidation) else {}

    def map_scores(self, module: TrainingModule) -> Mapping[str, float]:
        """Returns scores of the method's maps of training images, if it has some."""
        if not isinstance(module.method, MapValidation):
            return {}
        from seglet.engine.map_scores import map_scores

        return map_scores(module, self.training_set)

    def share_buffers(self, trainer: lightning.Trainer, module: TrainingModule) -> None:
        """Sends the first process's buffers to all, batch-norm statistics above all: they are those that are saved.

        The next step would begin with the same broadcast.
        """
        if trainer.world_size > 1:
            for buffer in module.method.buffers():
                torch.distributed.broadcast(buffer, src=0)


class StopEarly(AfterStep):
    """Ends training, with everything saved, once `patience` validations have found no better model."""

    def __init__(self, validation: Validation, report: ReportMetrics) -> None:
        self.validation = validation
        self.report = report

    def act(self, trainer: lightning.Trainer, module: TrainingModule) -> None:
        validation, settings = self.validation, module.settings
        if not out_of_patience(module.step, validation.best_step, settings):
            return
        self.report.write(trainer, module)
        validation.note(
            f"step {module.step}: no better {settings.selection} in {settings.patience} validations, so training "
            f"stops; the best model is that of step {validation.best_step}"
        )
        if trainer.is_global_zero:
            validation.run.note_early_stop(module.step, validation.best_step)
        trainer.should_stop = True
