"""Experiments without a file: what the user did not give is chosen for the data and the machine."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from seglet.data.dataset import Dataset
from seglet.data.errors import DataError
from seglet.data.opening import names_of_several, names_world, open_dataset
from seglet.engine.choices import DataFacts, Machine, choose_settings
from seglet.engine.datasets import training_data, validation_data
from seglet.engine.experiment import Experiment, resolve_experiment
from seglet.engine.run import Run
from seglet.files import read_json

METHODS = ("supervised", "fotf", "distill", "fixmatch")
"""Methods whose keys are chosen; all others take their defaults."""

CHOSEN = "chosen"
"""Origin of a key that was chosen."""

_SIZES_READ = 200


def choose_experiment(
    overrides: Mapping[str, Any], given_in: str = "the command line", machine: Machine | None = None
) -> Experiment:
    """Resolves an experiment given by keys alone; with data on disk, chooses the other keys for them.

    The embedded world, images without masks and methods other than `METHODS` get their defaults.

    Args:
        overrides: as for `resolve_experiment`; what is among them is not chosen.
        given_in: likewise.
        machine: hardware to choose for; None is the one that runs this.

    Raises:
        ConfigError: as `resolve_experiment`.
        DataError: there is no such folder or split, or the data are not sound.
    """
    plain = resolve_experiment(None, overrides, given_in)
    if plain.method not in METHODS or names_world(plain.settings.data):
        return plain
    facts = data_facts(plain)
    if facts is None:
        return plain
    values = plain.settings.__dict__ | plain.config.__dict__
    given = {"method": plain.method} | {key: values[key] for key in overrides if key in values}
    choices = choose_settings(facts, machine or this_machine(plain.settings.accelerator), given)
    chosen = {key: value for choice in choices for key, value in choice.values.items()}
    experiment = resolve_experiment(None, {**overrides, **chosen}, given_in)
    height, width = facts.size
    text = f"{facts.images} images of about {width}x{height} pixels and {facts.classes} classes"
    origin = {**experiment.origin, **dict.fromkeys(chosen, CHOSEN)}
    return replace(experiment, origin=origin, choices=choices, chosen_for=text)


def data_facts(experiment: Experiment) -> DataFacts | None:
    """Reads the facts that settings are chosen by: from the description, and from the headers of up to 200 images.

    Returns None if the images to train on have no masks, or are of several data sets.

    Raises:
        DataError: there is no such folder or split, or the data are not sound.
    """
    settings = experiment.settings
    if len(names_of_several(settings.data)) > 1:
        return None
    data = open_dataset(settings.data, settings.train_split)
    sizes = _sizes(data)
    if sizes is None:
        return None
    heights, widths = (sorted(each) for each in zip(*sizes, strict=True))
    return DataFacts(
        images=len(training_data(settings, experiment.config)),
        scored=_scored_images(experiment),
        size=(heights[len(heights) // 2], widths[len(widths) // 2]),
        classes=len(data.classes),
    )


def _sizes(data: Dataset) -> list[tuple[int, int]] | None:
    """Returns rows and columns of up to 200 images; None if the first of them has no mask."""
    from seglet.data.folder_dataset import FolderDataset
    from seglet.data.shards.sharded_dataset import ShardedDataset
    from seglet.images import image_size
    from seglet.images.raster import raster_size

    places = range(0, len(data), -(-len(data) // _SIZES_READ))
    if isinstance(data, ShardedDataset):
        return None if data.row(0).mask is None else [data.image_size(place) for place in places]
    if not isinstance(data, FolderDataset) or data.items[0].mask is None:
        return None
    if data.channels is not None:
        return [raster_size(data.items[place].image) for place in places]
    return [image_size(data.items[place].image, data.description.max_pixels) for place in places]


def _scored_images(experiment: Experiment) -> int:
    try:
        return len(validation_data(experiment.settings, experiment.config))
    except DataError:  # training will say what is wrong; views need no such split
        return 0


def this_machine(accelerator: str = "auto") -> Machine:
    """Returns facts about the hardware that a run on this accelerator uses."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    cores = min(cores, int(limit)) if limit.isdigit() and int(limit) else cores
    if accelerator == "cpu" or not torch.cuda.is_available():
        return Machine(cores, _memory())
    gpu = torch.cuda.get_device_properties(0)
    return Machine(cores, _memory(), gpu.total_memory / 2**30, torch.cuda.is_bf16_supported())


def _memory() -> float:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    except (AttributeError, ValueError, OSError):
        return 4.0  # Windows does not say


def earlier_choices(run: Path) -> dict[str, Any]:
    """Returns the keys that were chosen when this run began, so that it resumes with them; none without such a run."""
    record, experiment = Run(run).record, Run(run).experiment
    if not (record.is_file() and experiment.is_file()):
        return {}
    origin, values = dict(read_json(record)).get("origin", {}), resolve_experiment(experiment, {}).values()
    return {key: values[key] for key, source in origin.items() if source == CHOSEN and key in values}
