"""What a method has made once for its classes, not for each image: such as a memory of what they look like."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seglet.data.dataset import Dataset
from seglet.data.errors import DataError
from seglet.files import read_json, replace_atomically, write_json, write_tensors

_TENSORS, _ABOUT = "tensors.safetensors", "artefact.json"


class Artefact(ABC):
    """Tensors that follow from what is said here. As with columns, equal words must mean equal values.

    `name` and `maker` are a column's; where `of_images`, those of the split to train on decide too.
    """

    name: str
    maker: str
    of_images: bool = False

    @abstractmethod
    def identity(self) -> str:
        """Which weights; see `Producer.identity`."""

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """Every choice that changes the values, the classes among them, as plain JSON."""

    @abstractmethod
    def make(self, root: Path, data: Dataset, device: torch.device, note: Callable[[str], None]) -> dict[str, Tensor]:
        """Computes the tensors; what is costly on the way may be kept in folders of `root`, under names of its own.

        Raises:
            ValueError: it cannot be made; says why.
        """


def artefact_folder(artefact: Artefact, root: Path, data: Dataset) -> Path:
    """The folder of an artefact: its name ends in a hash of all that decides it."""
    told = json.dumps(_about(artefact, data), sort_keys=True)
    return root / f"{artefact.name}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def _about(artefact: Artefact, data: Dataset) -> dict[str, Any]:
    about = {"maker": artefact.maker, "identity": artefact.identity(), "settings": dict(artefact.settings())}
    if not artefact.of_images:
        return about
    words = "\n".join(data.identity(index, ("image", "tags")) for index in range(len(data)))
    return {**about, "pictures": hashlib.sha256(words.encode()).hexdigest()}


def write_artefact(artefact: Artefact, folder: Path, data: Dataset, tensors: Mapping[str, Tensor]) -> None:
    """The tensors and how they were made, whole or not at all."""
    with replace_atomically(folder) as temporary:
        temporary.mkdir()
        write_tensors(temporary / _TENSORS, {name: tensor.cpu().contiguous() for name, tensor in tensors.items()})
        write_json(temporary / _ABOUT, _about(artefact, data))


def read_artefact(folder: Path) -> dict[str, Tensor]:
    """
    Raises:
        DataError: it is damaged.
    """
    from safetensors.torch import load_file

    try:
        read_json(folder / _ABOUT)
        return load_file(folder / _TENSORS)
    except Exception as error:  # safetensors' errors share no base class with ours
        raise DataError(f"{str(folder)!r} is damaged ({error}); delete it and run `seglet prepare` again") from error
