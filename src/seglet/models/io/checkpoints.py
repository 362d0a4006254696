"""Reads foreign weight files as plain tensors."""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from seglet.models.io.foreign import check_own_folder
from seglet.models.io.storage import PICKLE_SUFFIXES

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network")
_PREFIXES = ("module.", "model.")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Reads the named tensors of a `.safetensors`, `.pth`, `.pt`, `.bin` or `.ckpt` file, without a trainer's wrappers.

    Raises:
        ValueError: the file is missing or damaged, would have to run code, or holds no named tensors.
    """
    if path.is_dir():
        check_own_folder(path)
        held = sorted(file.name for file in path.iterdir() if file.suffix in (".safetensors", *PICKLE_SUFFIXES))
        cure = f"give a file in it, such as {path / held[0]}" if held else "it holds no file of weights"
        raise ValueError(f"{path} is a folder; {cure}")
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    tensors = _tensors(content)
    if not tensors:
        raise ValueError(f"{path} holds no named tensors; give a file that was saved from a network's state_dict")
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a readable safetensors file: {error}") from error


def _read_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # on old pickle protocols
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is damaged or holds more than tensors, and reading that would run code from it; "
            "ask its authors for a plain state_dict or a .safetensors file"
        ) from error
    except Exception as error:  # damaged files raise whatever the parser stumbles over
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        raise ValueError(
            f"{path} holds no weights that can be read ({what}); is it whole? download it again"
        ) from error


def _tensors(content: Any) -> dict[str, Tensor]:
    if not isinstance(content, Mapping):
        return {}
    for wrapper in _WRAPPERS:
        if isinstance(content.get(wrapper), Mapping):
            return _tensors(content[wrapper])
    return {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
