"""The method of an experiment: built, given its artefacts, and with its notes before training."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from seglet.data.dataset import Dataset
from seglet.engine.datasets import data_config
from seglet.engine.experiment import Experiment
from seglet.engine.learning_rate import learning_rate_factor
from seglet.images.value_range import Channel
from seglet.methods.base import Method
from seglet.methods.protocols import Artefacts, TrainingNotes
from seglet.methods.task_loss import TaskLoss
from seglet.models.student import StudentConfig, initial_weights_note
from seglet.values import ConfigError


def build_method(
    experiment: Experiment, data: Dataset, artefacts: Mapping[str, Mapping[str, Tensor]] | None = None
) -> Method[Any]:
    """Builds the method for the classes of `data`, with its artefacts; the initial weights depend on the seed alone.

    The artefacts are read from where `seglet prepare` stored them, unless they are given.

    Raises:
        ConfigError: an artefact was not made yet, random weights are to be frozen, or the network has no `drop_path`.
    """
    torch.manual_seed(experiment.settings.seed)
    kind = experiment.method_class
    method: Method[Any] = kind.build(experiment.config, data.classes, experiment.settings.seed)
    if data.channels is not None:
        _take_channels(method, data.channels, experiment.method)
    if isinstance(experiment.config, StudentConfig) and experiment.config.drop_path:
        from seglet.engine.fine_tuning import check_drop_path

        check_drop_path(method)
    if experiment.settings.freeze != "none":
        from seglet.engine.fine_tuning import freeze_student

        freeze_student(method, experiment.config, experiment.settings.freeze)
    count_classes(method, data)
    if isinstance(method, Artefacts):
        from seglet.engine.artefacts import read_artefacts

        if tensors := read_artefacts(experiment, data) if artefacts is None else artefacts:
            method.load_artefacts(tensors)
    return method


def _take_channels(method: Method[Any], channels: Sequence[Channel], name: str) -> None:
    from seglet.models.input_channels import take_channels

    if not method.any_channels:
        raise ConfigError(f"{name} learns from red, green and blue, and the images hold {len(channels)} channels "
                          f"({', '.join(channel.name for channel in channels)}); train supervised on them")  # fmt: skip
    losses = [part for part in method.modules() if isinstance(part, TaskLoss)]
    if wrong := [term for part in losses for term, kind in part.terms.items() if kind.compares_colours]:
        raise ConfigError(f"task: {wrong[0]} compares colours, and the images hold measured channels; leave it out")
    take_channels(method.student, channels)


def count_classes(method: Method[Any], data: Dataset) -> None:
    """Gives class weights of median frequency to the losses of the method that ask for them; reads all masks then."""
    asking = [part for part in method.modules() if isinstance(part, TaskLoss) and part.counts_classes]
    if asking:
        from seglet.data.class_pixels import count_class_pixels

        pixels, shown = (torch.from_numpy(counts).double() for counts in count_class_pixels(data))
        for part in asking:
            part.learn_frequencies(pixels, shown)


def add_columns(experiment: Experiment, sets: dict[str, Dataset]) -> dict[str, Dataset]:
    """Returns the data sets of a run with the offline columns that its method reads.

    Raises:
        ConfigError: a column is missing or incomplete; says how those that are there were made, and the command.
    """
    settings = experiment.settings
    learnt, scored = sets[settings.train_split], sets[settings.val_split]
    if not experiment.method_class.producers(experiment.config, learnt.classes):
        return sets
    from seglet.engine.columns import with_columns, with_validation_columns

    scored = with_validation_columns(experiment, scored)
    return {**sets, settings.val_split: scored, settings.train_split: with_columns(experiment, learnt)}


def _class_weight_notes(method: Method[Any], data: Dataset) -> list[str]:
    given = next((p.class_weights for p in method.modules() if isinstance(p, TaskLoss)), None)
    if given is None:
        return []
    weights = zip(data.classes.names, given.tolist(), strict=True)
    return ["class weights: " + ", ".join(f"{name} {weight:.3g}" for name, weight in weights)]


def training_notes(method: Method[Any], experiment: Experiment, data: Dataset) -> list[str]:
    """Returns lines to print before the method is trained on these data."""
    settings = experiment.settings
    lines = list(experiment.choice_lines())
    lines += data_config(experiment.config).training_notes(data, settings.steps, settings.batch)
    if isinstance(experiment.config, StudentConfig):
        lines.append(initial_weights_note(experiment.config, method.student.network.backbone))
        lines += [method.student.initial_note] if method.student.initial_note else []
    lines += _class_weight_notes(method, data)
    if settings.freeze != "none" or not settings.head_rate == settings.bias_rate == settings.layer_decay == 1:
        from seglet.engine.fine_tuning import fine_tuning_note

        lines.append(fine_tuning_note(method, settings))
    factor = learning_rate_factor(method, settings)
    if factor != 1:
        lines.append(
            f"learning rate: {settings.learning_rate * factor:g}, the {settings.learning_rate:g} asked for times "
            f"{factor:g}, because a step has {settings.batch} images"
        )
    if isinstance(method, TrainingNotes):
        lines += method.training_notes(settings.crop, settings.batch // (settings.devices * settings.accumulate))
    return lines
