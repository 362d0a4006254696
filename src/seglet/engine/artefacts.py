"""Artefacts that a method needs once per class set, such as DiCLIP's key-value cache: found, made, read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seglet.data.artefact import Artefact, artefact_folder, read_artefact, write_artefact
from seglet.data.dataset import Dataset
from seglet.engine.columns import columns_folder, prepare_command
from seglet.engine.experiment import Experiment
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
        with torch.no_grad():
            tensors = kept.artefact.make(kept.folder.parent, data, device, note)
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
        lines = [f"{kept.artefact.name!r} is not in {str(kept.folder.parent)!r}" for kept in lacking]
        raise ConfigError("\n  ".join([*lines, f"make what is missing with: {prepare_command(experiment)}"]))
    return {kept.artefact.name: read_artefact(kept.folder) for kept in wanted}
