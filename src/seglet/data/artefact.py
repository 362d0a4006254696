"""Artefacts: tensors that a method computes once per class set, such as a key-value cache of class features."""

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
    """Named tensors and the description they follow from; equal descriptions must mean equal values, as with columns.

    `name` and `maker` are as for `ColumnProducer`. If `of_images`, the values also depend on the training images.
    """

    name: str
    maker: str
    of_images: bool = False

    @abstractmethod
    def identity(self) -> str:
        """Returns the identity of the weights; see `ColumnProducer.identity`."""

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """Returns every setting that changes the values, including the classes, as plain JSON."""

    @abstractmethod
    def make(self, root: Path, data: Dataset, device: torch.device, note: Callable[[str], None]) -> dict[str, Tensor]:
        """Computes the tensors; costly intermediate results may be kept in folders of `root` with names of their own.

        Raises:
            ValueError: they cannot be computed; says why.
        """


def artefact_folder(artefact: Artefact, root: Path, data: Dataset) -> Path:
    """Returns the folder of an artefact, whose name ends in a hash of everything that decides the values."""
    about = json.dumps(_about(artefact, data), sort_keys=True)
    return root / f"{artefact.name}-{hashlib.sha256(about.encode()).hexdigest()[:16]}"


def _about(artefact: Artefact, data: Dataset) -> dict[str, Any]:
    about = {"maker": artefact.maker, "identity": artefact.identity(), "settings": dict(artefact.settings())}
    if not artefact.of_images:
        return about
    identities = "\n".join(data.identity(index, ("image", "tags")) for index in range(len(data)))
    return {**about, "pictures": hashlib.sha256(identities.encode()).hexdigest()}


def write_artefact(artefact: Artefact, folder: Path, data: Dataset, tensors: Mapping[str, Tensor]) -> None:
    """Writes the tensors and their description, completely or not at all."""
    with replace_atomically(folder) as temporary:
        temporary.mkdir()
        write_tensors(temporary / _TENSORS, {name: tensor.cpu().contiguous() for name, tensor in tensors.items()})
        write_json(temporary / _ABOUT, _about(artefact, data))


def read_artefact(folder: Path) -> dict[str, Tensor]:
    """Reads the tensors of an artefact.

    Raises:
        DataError: the folder is damaged.
    """
    from safetensors.torch import load_file

    try:
        read_json(folder / _ABOUT)
        return load_file(folder / _TENSORS)
    except Exception as error:  # safetensors' errors share no base class with ours
        raise DataError(f"{str(folder)!r} is damaged ({error}); delete it and run `seglet prepare` again") from error
