"""Kills and full disks before every file event of a command, and what running it again makes of that."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build
from tools.reliability.forked import Fault, run_forked
from tools.reliability.row import Row, tally

_KEYS = {"width": "0.0625", "crop": "32", "world_size": "32", "world_scenes": "60", "batch": "4", "steps": "3",
         "validate_every": "2", "checkpoint_every": "1", "workers": "0"}  # fmt: skip
TINY = [word for key, value in _KEYS.items() for word in (f"--{key}", value)]
"""Keys of a training that takes about a second."""
_VOLATILE = ("steps_per_second",)
_RECORDS = ("record.json", "predictions.json", "enhanced.json", "label.json", "refinements.json", ".seglet-lock")
"""Files that say when and how a command ran, which differ between a run and its repetition."""


@dataclass(frozen=True)
class Job:
    """A command and the folder that it writes; `again` are the words that go on after a fault."""

    name: str
    words: list[str]
    again: Callable[[Path], list[str]]


def content_of(folder: Path) -> dict[str, str]:
    """Returns a hash of each file, without records, temporary files and the pace in metrics."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name in _RECORDS or ".partial-" in str(path) or "checkpoints" in path.parts:
            continue
        content = path.read_bytes()
        if path.name == "metrics.jsonl":
            lines = [json.loads(line) for line in content.decode().splitlines()]
            kept = [{key: value for key, value in line.items() if key not in _VOLATILE} for line in lines]
            content = json.dumps(kept).encode()
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def jobs(place: Path, methods: list[str]) -> Iterator[Job]:
    """Yields a training of each method, and the commands that write folders of results."""
    images, model, out = place / "images", place / "model", str(place / "out")
    images.mkdir()
    for index in range(3):
        sample = World("val", scenes=3, size=32).read(index)
        Image.fromarray(np.asarray(sample.image)).save(images / f"{index}.png")
    build(Architecture("deeplabv3-resnet18", width=0.0625), WORLD_CLASSES).save(model)
    for method in methods:
        student = [] if method != "supervised" else ["--student", "deeplabv3-resnet18"]
        words = ["train", method, *student, *TINY, "--out", out]
        yield Job(f"train {method}", words, partial(_resumed, words))
    predict = ["predict", str(model), str(images), "--out", out]
    yield Job("predict", predict, partial(_overwritten, predict))
    label = ["label", str(model), str(images), "--tool", "coco", "--out", out]
    yield Job("label", label, partial(_overwritten, label))
    enhance = ["enhance", str(images), "--method", "gamma", "--jobs", "1", "--out", out]
    yield Job("enhance", enhance, lambda folder: enhance)
    darken = ["predict", str(model), "--data", "world:scenes=2,size=32", "--split", "val", "--out", out]
    yield Job("predict --data", darken, partial(_overwritten, darken))


def _resumed(words: list[str], folder: Path) -> list[str]:
    return [*words, "--resume"] if (folder / "experiment.yaml").exists() else words


def _overwritten(words: list[str], folder: Path) -> list[str]:
    holds = folder.is_dir() and any(path.suffix == ".json" for path in folder.iterdir())
    return [*words, "--overwrite"] if holds else words


def crash_rows(place: Path, methods: list[str], most: int) -> Iterator[Row]:
    """Yields a row for each command and fault: a kill at `most` file events, evenly chosen, other faults at a third."""
    for job in jobs(place, methods):
        folder = place / "out"
        whole = run_forked(job.words, folder)
        if whole.code:
            yield Row(f"{job.name}: without a fault", 1, 0, whole.text[-300:])
            continue
        expected = content_of(folder)
        moved = [(name, False) for name in whole.unsynced] + [("", True)] * (whole.renames - len(whole.unsynced))
        yield tally(f"{job.name}: power loss", "what is renamed was synchronised to disk before", moved)
        faults: tuple[tuple[Fault, str], ...] = (
            ("kill", "SIGKILL before a file event, then again: the same files"),
            ("full", "disk full at a file event: no traceback; then again: the same files"),
        )
        if job.name.startswith("train"):
            faults += (("term", "SIGTERM at a file event: 143 or done; then again: the same files"),
                       ("interrupt", "Ctrl-C at a file event: 130 or done; then again: the same files"))  # fmt: skip
        for fault, evidence in faults:
            points = most if fault == "kill" else max(1, most // 3)
            chosen = np.unique(np.linspace(0, whole.events - 1, min(points, whole.events)).astype(int))
            trials = [(f"event {at}", _held(job, folder, fault, int(at), expected)) for at in chosen]
            yield tally(f"{job.name}: {fault}", f"{evidence} ({whole.events} events)", trials)
        shutil.rmtree(folder, ignore_errors=True)


def _held(job: Job, folder: Path, fault: Fault, at: int, expected: dict[str, str]) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    struck = run_forked(job.words, folder, fault, at)
    allowed = {"full": (0, 2), "term": (0, 143), "interrupt": (0, 130)}
    if struck.code not in allowed.get(fault, (struck.code,)):
        return False
    again = run_forked(job.again(folder), folder)
    return again.code == 0 and content_of(folder) == expected
