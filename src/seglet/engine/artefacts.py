"""Artefacts that a method needs once per class set, such as DiCLIP's key-value cache: found, made, read."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seglet.data.artefact import (
    Advance,
    Artefact,
    Reporter,
    artefact_description,
    artefact_differences,
    artefact_folder,
    read_artefact,
    stored_artefacts,
    write_artefact,
)
from seglet.data.dataset import Dataset
from seglet.engine.columns import columns_folder, needed_columns, prepare_command
from seglet.engine.console import ProgressDisplay, format_duration
from seglet.engine.experiment import Experiment
from seglet.engine.phase_cost import PhaseCost, noted_cost, offline_costs
from seglet.methods.protocols import Artefacts
from seglet.values import ConfigError


@dataclass(frozen=True)
class StoredArtefact:
    """An artefact and the folder that holds it, or will hold it."""

    artefact: Artefact
    folder: Path

    @property
    def exists(self) -> bool:
        """True once it is made."""
        return self.folder.is_dir()


def needed_artefacts(experiment: Experiment, data: Dataset) -> list[StoredArtefact]:
    """Returns the artefacts that the method needs for the classes of `data`, the split to train on."""
    method: Any = experiment.method_class
    root = columns_folder(experiment.settings)
    if not isinstance(method, Artefacts):
        return []
    made = method.artefacts(experiment.config, data.classes)
    return [StoredArtefact(one, artefact_folder(one, root, data)) for one in made]


def make_artefact(kept: StoredArtefact, data: Dataset, device: torch.device, note: Callable[[str], None]) -> None:
    """Computes an artefact and writes it to its folder.

    Raises:
        ConfigError: the folder cannot be written.
        ValueError: it cannot be computed.
    """
    note(f"{kept.artefact.name}: is made for {len(data.classes)} classes")
    try:
        with torch.no_grad(), noted_cost(kept.folder, device):
            tensors = kept.artefact.make(kept.folder.parent, data, device, Reporter(note, show_progress))
        write_artefact(kept.artefact, kept.folder, data, tensors)
    except OSError as error:
        raise ConfigError(
            f"cannot write {str(kept.folder)!r} ({error.strerror}); free space, or choose another folder with "
            "the experiment's key `columns`"
        ) from error
    note(f"{kept.artefact.name}: is in {kept.folder}")


def read_artefacts(experiment: Experiment, data: Dataset) -> dict[str, dict[str, Tensor]]:
    """Reads the tensors of each artefact that the method needs, by its name.

    Raises:
        ConfigError: an artefact is missing; names the command that makes it.
        DataError: an artefact is damaged.
    """
    wanted = needed_artefacts(experiment, data)
    lacking = [kept for kept in wanted if not kept.exists]
    if lacking:
        lines = [describe_missing_artefact(kept, data) for kept in lacking]
        raise ConfigError("\n  ".join([*lines, f"make what is missing with: {prepare_command(experiment)}"]))
    return {kept.artefact.name: read_artefact(kept.folder) for kept in wanted}


def offline_costs_of(experiment: Experiment, data: Dataset) -> dict[str, PhaseCost]:
    """Returns what the columns and artefacts of an experiment cost to make, by name, as far as that was noted."""
    folders = {kept.artefact.name: kept.folder for kept in needed_artefacts(experiment, data)}
    folders |= {column.name: column.store.folder for column in needed_columns(experiment, data.classes)}
    return offline_costs(folders)


@contextmanager
def show_progress(title: str, total: int, unit: str) -> Iterator[Advance]:
    """Shows the progress of a job on stderr, and how long it will take once its first steps are done."""
    begin = time.perf_counter()
    with ProgressDisplay(title, total, unit) as steps:

        def advance(done: int) -> None:
            nonlocal begin
            if begin and done < total:
                left = (time.perf_counter() - begin) / done * (total - done)
                steps.note(f"{title}: {total} {unit}, about {format_duration(left)}")
            begin = 0.0
            steps.advance(done)

        yield advance


def describe_missing_artefact(kept: StoredArtefact, data: Dataset) -> str:
    """Describes an artefact that is not there: the work that remains, and how those there were made otherwise."""
    root = kept.folder.parent
    text = f"{kept.artefact.name!r} is not in {str(root)!r}"
    if work := kept.artefact.remaining_work(root):
        text += f" ({work})"
    others = artefacts_made_otherwise(kept, data)
    return text + "".join(f"; one is there, but {', '.join(differences)}" for differences in others.values())


def artefacts_made_otherwise(kept: StoredArtefact, data: Dataset) -> dict[Path, list[str]]:
    """Returns the folders of artefacts of the same name that were made in other ways, with the differences."""
    root = kept.folder.parent
    now = artefact_description(kept.artefact, root, data)
    return {
        folder: artefact_differences(kept.artefact, was, now) or ["it is damaged"]
        for folder, was in stored_artefacts(root).items()
        if folder != kept.folder and folder.name.rpartition("-")[0] == kept.artefact.name
    }
