"""Flipped bits and truncations of every stored file: noticed, or what is read is what was written."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from seglet.data.class_table import numbered_table
from seglet.data.columns.recipe import ColumnRecipe
from seglet.data.columns.store import ColumnStore
from seglet.data.description import Description, ImageItem, load_description
from seglet.engine.checkpoint import load_checkpoint, save_checkpoint
from seglet.files import content_hash
from seglet.images import read_image, read_mask, write_mask
from seglet.models.architecture import Architecture
from seglet.models.io.storage import read_segmenter, write_segmenter
from seglet.types import Classes
from tools.reliability.row import Row, tally

_CLASSES = Classes.named(["background", "cat"])


def flip_rows(place: Path, trials: int) -> Iterator[Row]:
    """Yields a row of flips and one of truncations for each file of each kind."""
    for kind, (folder, read) in _stored(place).items():
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = f"{kind}, {file.relative_to(folder)}"
            yield _damaged(f"bit flip: {name}", folder, file, read, _flips(file, trials))
            yield _damaged(f"truncation: {name}", folder, file, read, _cuts(file))


def _stored(place: Path) -> dict[str, tuple[Path, Callable[[Path], object]]]:
    """Writes one thing of each kind; returns its folder, and the function that reads it."""
    values = np.arange(600, dtype=np.float32).reshape(20, 30) / 600
    (place / "data").mkdir()
    items = tuple(ImageItem(f"a{n}", place / f"a{n}.png", image_hash=f"{n}" * 32) for n in range(4))
    Description(place, "folders", numbered_table(_CLASSES.names), {"train": items}).save(place / "data/dataset.json")
    save_checkpoint(place / "checkpoint", {"step": 3, "method": {"a": torch.arange(90.0)}, "best": {"score": 0.25}})
    weights = {"a": torch.arange(200.0)}
    write_segmenter(place / "model", weights, Architecture("pspnet-resnet18"), _CLASSES)
    (place / "mask").mkdir()
    write_mask(place / "mask/a.png", (values > 0.5).astype(np.uint8), _CLASSES)
    digest = content_hash((place / "mask/a.png").read_bytes())
    recipe = ColumnRecipe("depth", "vector", "tools/1", "", {}, ("image",), {})
    store = ColumnStore(place / "columns", recipe)
    store.begin()
    store.write({content_hash(bytes([n])): values[n] for n in range(5)})

    def checkpoint(folder: Path) -> object:
        state = load_checkpoint(folder)
        return state["step"], state["best"], state["method"]["a"].tolist()

    def model(folder: Path) -> object:
        stored = read_segmenter(folder)
        return stored.architecture, stored.classes, stored.weights["a"].tolist()

    def column(folder: Path) -> object:
        found = store.contents()
        if found.damaged:
            raise ValueError(found.damaged[0])
        return {name: np.asarray(store.read(where, name)).tolist() for name, where in found.locations.items()}

    return {
        "description": (place / "data", lambda folder: load_description(folder / "dataset.json")),
        "checkpoint": (place / "checkpoint", checkpoint),
        "segmenter": (place / "model", model),
        "mask": (place / "mask", lambda folder: read_mask(folder / "a.png", 10**6, digest).tolist()),
        "image": (place / "mask", lambda folder: read_image(folder / "a.png", 10**6, digest).tolist()),
        "column": (store.folder, column),
    }  # fmt: skip


def _flips(file: Path, trials: int) -> Iterator[tuple[str, bytes]]:
    content, draw = file.read_bytes(), random.Random(file.name)
    for _ in range(trials):
        bit = draw.randrange(8 * len(content))
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit}", bytes(changed)


def _cuts(file: Path) -> Iterator[tuple[str, bytes]]:
    content = file.read_bytes()
    for share in range(100):
        yield f"{share} %", content[: len(content) * share // 100]


def _damaged(
    fault: str, folder: Path, file: Path, read: Callable[[Path], object], changes: Iterator[tuple[str, bytes]]
) -> Row:
    kept = folder.with_name(f"{folder.name}-kept")
    shutil.copytree(folder, kept)
    expected, trials = read(folder), list[tuple[str, bool]]()
    for name, content in changes:
        file.write_bytes(content)
        try:
            held = read(folder) == expected
        except (ValueError, OSError):
            held = True
        except Exception:  # noqa: BLE001  a traceback for the user
            held = False
        trials.append((name, held))
    shutil.rmtree(folder)
    kept.rename(folder)
    return tally(fault, "an error, or what was written", trials)
