"""Segmenters on disk: a folder with `config.json` and `model.safetensors`, nothing executable."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from seglet import files
from seglet.models.architecture import Architecture
from seglet.types import Classes

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
_CARD_FILE = "README.md"
SEGMENTER_FORMAT = "seglet-segmenter"
_VERSION = 1
PICKLE_SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".pkl")


@dataclass(frozen=True)
class StoredSegmenter:
    """Content of a segmenter's folder."""

    folder: Path
    architecture: Architecture
    classes: Classes
    weights: dict[str, Tensor]


def write_segmenter(folder: Path, weights: Mapping[str, Tensor], architecture: Architecture, classes: Classes) -> None:
    """Writes a segmenter's folder, all or nothing.

    Raises:
        ValueError: `folder` is a file, or holds files that are no Segmenter's.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; name a folder to save to")
    others = (
        sorted(path.name for path in folder.iterdir() if path.name not in (CONFIG_FILE, WEIGHTS_FILE))
        if folder.exists()
        else []
    )
    if others:
        raise ValueError(f"{folder} holds other files ({', '.join(others[:3])}); save to a new or empty folder")
    with files.replace_atomically(folder) as temporary:
        temporary.mkdir()
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        files.write_tensors(temporary / WEIGHTS_FILE, tensors, {"format": "pt"})
        files.write_json(
            temporary / CONFIG_FILE,
            files.sealed(_config(architecture, classes, files.file_sha256(temporary / WEIGHTS_FILE))),
        )


def _config(architecture: Architecture, classes: Classes, digest: str) -> dict[str, Any]:
    table = [{"name": name, "colour": colour} for name, colour in zip(classes.names, classes.colours, strict=True)]
    return {
        "format": SEGMENTER_FORMAT,
        "version": _VERSION,
        "architecture": architecture.as_dict(),
        "classes": table,
        "weights": {"file": WEIGHTS_FILE, "sha256": digest},
    }


def read_segmenter(folder: Path) -> StoredSegmenter:
    """Reads a segmenter's folder and checks it.

    Raises:
        ValueError: something is missing, damaged or of another format; the message names it and the cure.
    """
    if folder.suffix in PICKLE_SUFFIXES:
        raise ValueError(f"{folder} may hold code, which is never loaded; run `seglet convert {folder}` once")
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; give the folder that holds {CONFIG_FILE} and {WEIGHTS_FILE}")
    if not (folder / CONFIG_FILE).is_file():
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLE_SUFFIXES)
        cure = f"run `seglet convert {folder / pickles[0]}`" if pickles else "give the folder a Segmenter was saved to"
        raise ValueError(f"{folder} has no {CONFIG_FILE}; {cure}")
    config = files.read_json(folder / CONFIG_FILE)
    if not isinstance(config, dict) or config.get("format") != SEGMENTER_FORMAT:
        from seglet.models.io.foreign import check_own_folder

        check_own_folder(folder)
        raise ValueError(
            f"{folder / CONFIG_FILE} does not describe a Segmenter (its `format` is not {SEGMENTER_FORMAT!r})"
        )
    if config.get("version") != _VERSION:
        raise ValueError(
            f"{folder} has format version {config.get('version')}, this seglet reads {_VERSION}; update it"
        )
    files.check_seal(config, folder / CONFIG_FILE)
    architecture, classes, digest = _parse(config, folder / CONFIG_FILE)
    return StoredSegmenter(folder, architecture, classes, _read_weights(folder / WEIGHTS_FILE, digest))


def _parse(config: dict[str, Any], path: Path) -> tuple[Architecture, Classes, str]:
    try:
        table = config["classes"]
        classes = Classes(tuple(entry["name"] for entry in table), tuple(_colour(entry["colour"]) for entry in table))
        return Architecture.from_dict(config["architecture"]), classes, str(config["weights"]["sha256"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is incomplete or misshapen: {error!r}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _colour(values: list[int]) -> tuple[int, int, int]:
    red, green, blue = values
    return int(red), int(green), int(blue)


def _read_weights(path: Path, digest: str) -> dict[str, Tensor]:
    if not path.is_file():
        raise ValueError(f"{path.parent} has no {path.name}; copy or save the whole folder again")
    if files.file_sha256(path) != digest:
        raise ValueError(
            f"{path} is not the file that {CONFIG_FILE} describes (its sha256 differs); copy or save it again"
        )
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a readable safetensors file: {error}") from error
    # Copies: memory that is not aligned as torch's own is makes some CPU kernels round differently.
    if wrong := [name for name, each in tensors.items() if each.is_floating_point() and not each.isfinite().all()]:
        raise ValueError(f"{path} holds numbers that are not finite, such as in {wrong[0]!r}; the network diverged: "
                         "train it again, with a lower learning rate")  # fmt: skip
    singles = {name: torch.float32 if tensor.is_floating_point() else tensor.dtype for name, tensor in tensors.items()}
    return {name: tensor.to(singles[name], copy=True) for name, tensor in tensors.items()}


def check_shapes(stored: StoredSegmenter, expected: Mapping[str, Tensor]) -> None:
    """Checks stored weights against the names and shapes that their architecture expects.

    Raises:
        ValueError: names differ, or a tensor has another shape than the architecture gives it.
    """
    where = f"{stored.folder / WEIGHTS_FILE} does not fit {stored.architecture.name} of its {CONFIG_FILE}:"
    missing, extra = expected.keys() - stored.weights.keys(), stored.weights.keys() - expected.keys()
    if missing or extra:
        raise ValueError(f"{where} missing {sorted(missing)[:3]}, unknown {sorted(extra)[:3]}")
    for name, tensor in stored.weights.items():
        if tensor.shape != expected[name].shape:
            shapes = f"{tuple(tensor.shape)} instead of {tuple(expected[name].shape)}"
            raise ValueError(f"{where} {name} has shape {shapes}")


def write_published(
    folder: Path, weights: Mapping[str, Tensor], architecture: Architecture, classes: Classes, card: str
) -> None:
    """Writes a segmenter and its card, README.md, all or nothing.

    Raises:
        ValueError: the folder holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty; publish to a new folder")
    with files.replace_atomically(folder) as temporary:
        write_segmenter(temporary, weights, architecture, classes)
        files.write_text(temporary / _CARD_FILE, card)


def upload_folder(folder: Path, name: str, private: bool) -> None:
    """Uploads a folder to the Hugging Face hub.

    Raises:
        ValueError: `name` is not of the form owner/name, huggingface_hub is missing, or the hub refuses.
    """
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise ValueError(f"{name!r} is no hub name; give owner/name")
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise ValueError("to publish on the hub run `pip install seglet[hub]`") from error
    try:
        hub = HfApi()
        hub.create_repo(name, private=private, exist_ok=True)
        hub.upload_folder(repo_id=name, folder_path=folder, commit_message="Upload a segmenter")
    except Exception as error:  # the hub's errors share no base class
        raise ValueError(
            f"the hub did not take {name} ({error}); log in with `hf auth login`, check the name"
        ) from error
