"""Artefacts: tensors that a method computes once per class set, such as a key-value cache of class features."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from seglet.data.dataset import Dataset
from seglet.data.errors import DataError
from seglet.files import (
    SEAL,
    check_seal,
    file_sha256,
    read_json,
    replace_atomically,
    sealed,
    write_json,
    write_tensors,
)

_TENSORS, _ABOUT = "tensors.safetensors", "artefact.json"
_DIGEST = "tensors_sha256"

Advance = Callable[[int], None]
"""Takes the number of steps that are done."""
OpenProgress = Callable[[str, int, str], AbstractContextManager[Advance]]
"""Takes the title of a job, its number of steps and their unit; opens a display of its progress."""


@contextmanager
def no_progress(title: str, total: int, unit: str) -> Iterator[Advance]:
    """Opens a display that shows nothing."""
    yield lambda done: None


@dataclass(frozen=True)
class Reporter:
    """Messages and progress of a long computation. Called with a text, it notes the text."""

    note: Callable[[str], None]
    progress: OpenProgress = no_progress

    def __call__(self, text: str) -> None:
        self.note(text)


class Artefact(ABC):
    """Named tensors and the description they follow from; equal descriptions must mean equal values, as with columns.

    `name` and `maker` are as for `ColumnProducer`. If `of_images`, the values also depend on the training images.
    `shown` names parts of the description in messages: the longest beginning of a part's path, such as `settings.a.`,
    is replaced.
    """

    name: str
    maker: str
    of_images: bool = False
    shown: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def identity(self) -> str:
        """Returns the identity of the weights; see `ColumnProducer.identity`."""

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """Returns every setting that changes the values, including the classes, as plain JSON."""

    @abstractmethod
    def make(self, root: Path, data: Dataset, device: torch.device, report: Reporter) -> dict[str, Tensor]:
        """Computes the tensors; costly intermediate results may be kept in folders of `root` with names of their own.

        Raises:
            ValueError: they cannot be computed; says why.
        """

    def changes(self, root: Path) -> Mapping[str, Any]:
        """Returns how intermediate results in `root` differ from what follows from the settings, as plain JSON.

        They decide the values too. The result is the same before and after `make`; by default there are none.
        """
        return {}

    def kept_folders(self, root: Path) -> Sequence[Path]:
        """Returns the folders of `root`, called STEM-KEY, in which `make` keeps intermediate results."""
        return ()

    def remaining_work(self, root: Path) -> str:
        """Describes the costly part of what `make` has to do; empty if there is none."""
        return ""


def artefact_folder(artefact: Artefact, root: Path, data: Dataset) -> Path:
    """Returns the folder of an artefact, whose name ends in a hash of everything that decides the values."""
    about = json.dumps(artefact_description(artefact, root, data), sort_keys=True)
    return root / f"{artefact.name}-{hashlib.sha256(about.encode()).hexdigest()[:16]}"


def artefact_description(artefact: Artefact, root: Path, data: Dataset) -> dict[str, Any]:
    """Returns everything that decides the values of an artefact, as plain JSON."""
    about: dict[str, Any] = {
        "maker": artefact.maker,
        "identity": artefact.identity(),
        "settings": dict(artefact.settings()),
    }
    if changes := dict(artefact.changes(root)):
        about["changes"] = changes
    about = json.loads(json.dumps(about))  # as it is read again: a tuple is a list
    if not artefact.of_images:
        return about
    identities = "\n".join(data.identity(index, ("image", "tags")) for index in range(len(data)))
    return {**about, "pictures": hashlib.sha256(identities.encode()).hexdigest()}


def write_artefact(artefact: Artefact, folder: Path, data: Dataset, tensors: Mapping[str, Tensor]) -> None:
    """Writes the tensors and their description, completely or not at all."""
    with replace_atomically(folder) as temporary:
        temporary.mkdir()
        write_tensors(temporary / _TENSORS, {name: tensor.cpu().contiguous() for name, tensor in tensors.items()})
        about = {**artefact_description(artefact, folder.parent, data), _DIGEST: file_sha256(temporary / _TENSORS)}
        write_json(temporary / _ABOUT, sealed(about))


def read_artefact(folder: Path) -> dict[str, Tensor]:
    """Reads the tensors of an artefact.

    Raises:
        DataError: the folder is damaged.
    """
    from safetensors.torch import load_file

    try:
        about = read_json(folder / _ABOUT)
        check_seal(about, folder / _ABOUT)
        if about.get(_DIGEST, "older") not in ("older", file_sha256(folder / _TENSORS)):
            raise ValueError(f"the hash of {_TENSORS} differs")
        return load_file(folder / _TENSORS)
    except Exception as error:  # safetensors' errors share no base class with ours
        raise DataError(f"{str(folder)!r} is damaged ({error}); delete it and run `seglet prepare` again") from error


def stored_artefacts(root: Path) -> dict[Path, dict[str, Any]]:
    """Returns the folders of all artefacts in `root` with their descriptions; one that cannot be read has none."""
    found: dict[Path, dict[str, Any]] = {}
    for file in sorted(root.glob(f"[!.]*/{_ABOUT}")):
        try:
            about = read_json(file)
        except ValueError:
            about = {}
        own = about if isinstance(about, dict) else {}
        found[file.parent] = {key: value for key, value in own.items() if key not in (_DIGEST, SEAL)}
    return found


def artefact_differences(artefact: Artefact, was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns one text per part in which the description of an artefact, `now`, differs from an earlier one."""
    before, after = (dict(_parts(about, artefact.shown)) for about in (was, now))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [f"{name} was {_value(before, name)}, is {_value(after, name)}" for name in names]


_SHOWN = {"settings.": "", "identity": "weights", "pictures": "training images", "changes.": ""}


def _parts(about: Mapping[str, Any], shown: Mapping[str, str], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in about.items():
        if isinstance(value, Mapping):
            yield from _parts(value, shown, f"{path}{key}.")
        else:
            yield _renamed(f"{path}{key}", {**_SHOWN, **shown}), value


def _renamed(path: str, shown: Mapping[str, str]) -> str:
    start = max((start for start in shown if path.startswith(start)), key=len, default="")
    return shown.get(start, "") + path.removeprefix(start)


def _value(parts: Mapping[str, Any], name: str) -> str:
    return repr(parts[name]) if name in parts else "not set"
