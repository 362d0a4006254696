"""Checks before training: the machine has what the settings ask for, the data what the method learns from."""

from collections.abc import Mapping
from typing import Any

import torch

from seglet.data.dataset import Dataset
from seglet.data.errors import DataError
from seglet.engine.datasets import data_config
from seglet.engine.experiment import Experiment
from seglet.engine.processes import started_by_torchrun
from seglet.engine.settings import LAST, Selection, Settings
from seglet.methods.base import Method
from seglet.values import ConfigError


def check_hardware(settings: Settings) -> None:
    """Checks that this machine has the devices, and the arithmetic, that the settings ask for.

    Raises:
        ConfigError: it has not.
    """
    gpus = 0 if settings.accelerator == "cpu" else torch.cuda.device_count()
    if settings.accelerator == "gpu" and not gpus:
        raise ConfigError(
            "accelerator: gpu was asked for, but torch finds none; try --accelerator cpu, or `seglet doctor`"
        )
    if gpus and settings.devices > gpus and not started_by_torchrun():
        raise ConfigError(f"devices: {settings.devices} were asked for, but there are {gpus} GPUs")
    if settings.precision == "16-mixed" and not gpus:
        raise ConfigError("precision: 16-mixed needs a GPU; take bf16-mixed or 32 on a processor")
    if settings.sync_bn and not gpus:
        raise ConfigError(
            "sync_bn: batch-norm statistics are shared between GPUs only; give --sync_bn false on a processor"
        )


def check_preparable(experiment: Experiment, data: Dataset) -> None:
    """Checks that the images to train on have the annotation that the method learns from, before costly work begins.

    Raises:
        ConfigError: the first image has not.
    """
    supervision = getattr(experiment.method_class, "supervision", None)
    if supervision is None or not len(data):
        return
    try:
        sample = data.read(0)
    except DataError:  # preparation reports it with the other images that fail
        return
    _check_missing(experiment, data_config(experiment.config).missing_annotation(supervision, sample))


def _check_missing(experiment: Experiment, missing: str | None) -> None:
    settings = experiment.settings
    if missing == "masks":
        raise ConfigError(f"the images of {settings.train_split!r} have no masks; choose another train_split")
    if missing == "tags":
        raise ConfigError(
            f"the images of {settings.train_split!r} have no tags; say where they are: "
            f"seglet data check {settings.data} --tags FILE"
        )


def check_annotation(method: Method[Any], sets: Mapping[str, Dataset], experiment: Experiment) -> None:
    """Checks the first image of each split for the annotation that training and validation need.

    Raises:
        ConfigError: images to train on lack what the method learns from; or those to validate on have no masks, and a
            score is to select the model; or they have no such class as is to select it.
    """
    settings = experiment.settings
    config, sample = data_config(experiment.config), sets[settings.train_split].read(0)
    _check_missing(experiment, config.missing_annotation(method.supervision, sample))
    Selection.parse(settings.selection).label(sets[settings.val_split].classes)
    if sets[settings.val_split].read(0).labels is None and settings.selection != LAST:
        raise ConfigError(
            f"the images of {settings.val_split!r} have no masks to score on; choose another val_split, or take the "
            "last model unscored: selection: last"
        )
