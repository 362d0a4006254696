"""Experiments small enough to run in a test."""

from pathlib import Path
from typing import Any

from seglet.engine.experiment import Experiment, resolve

TINY: dict[str, Any] = {
    "data": "world",
    "world_size": 32,
    "world_scenes": 100,
    "crop": 32,
    "batch": 4,
    "accumulate": 1,
    "workers": 0,
    "steps": 2,
    "validate_every": 2,
    "checkpoint_every": 1,
    "precision": "32",
}


def tiny(method: str = "supervised", **keys: Any) -> Experiment:
    """One of the narrowest networks on a few small scenes."""
    return resolve(None, {"method": method, **TINY, "width": 0.0625, **keys})


def from_file(path: Path, **keys: Any) -> Experiment:
    """A shipped experiment, brought down to a few small scenes; its networks and losses stay."""
    return resolve(path, {**TINY, **keys})
