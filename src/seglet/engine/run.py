"""The folder of one run: its experiment, its record, and its results."""

import contextlib
import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from seglet import files
from seglet._version import __version__
from seglet.data.opening import names_world
from seglet.engine.console import print_message
from seglet.engine.experiment import Experiment
from seglet.engine.experiment_file import read_yaml, split_row
from seglet.engine.phase_cost import PhaseCost, read_cost, total_cost
from seglet.engine.settings import FREE_ON_RESUME, PLACES_OF_DATA
from seglet.files import path_below
from seglet.locks import LOCK_FILE, lock_folder
from seglet.values import ConfigError

_PACKAGES = ("torch", "lightning", "numpy", "pillow", "safetensors")
_EXTRA_PACKAGES = ("transformers", "diffusers")
"""Packages of the extra `hub`, which may be missing."""

_HASHES = "experiment_sha256"
"""Key of the record: hashes that experiment.yaml may have; two while it is being replaced."""

_MODEL_FILES = "config.json model.safetensors README.md"
_RUN_FILES = {
    "record.json": "",
    "metrics.jsonl": "",
    "scores.json": "",
    "known-tags.json": "",
    "stops-*.json": "",
    "split-*.json": "",
    "events": "events.* hparams.yaml",
    "log": "metrics.csv model-card.md ids.json wandb mlflow.db* mlruns",
    "samples": "*.png",
    "failed-batch": "step-*",
    "last": _MODEL_FILES,
    "model": _MODEL_FILES,
    "checkpoints": "step-*",
    "experiment.yaml": "",
}
"""Names in a run's folder, with those of what is in it, in the order of deletion: without its experiment it is none."""


class Run:
    """A run's folder: paths of what it holds, and the files that are written once.

    experiment.yaml     every resolved key: `seglet train experiment.yaml` repeats the run
    record.json         command, versions, commit, where each key came from, the data's fingerprints
    metrics.jsonl       one JSON object a line: training terms and validation scores by step
    log/, events/       only with the key `log`: what trackers keep beside the run
    samples/            training views, and validation images beside mask and prediction
    checkpoints/        the newest states to resume from
    model/, last/       the segmenter with the best validation score, and the final one
    failed-batch/       only after a loss became NaN or infinite: what `seglet replay` needs
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        self.folder = folder
        self.experiment = folder / "experiment.yaml"
        self.record = folder / "record.json"
        self.metrics = folder / "metrics.jsonl"
        self.samples = folder / "samples"
        self.log = folder / "log"
        self.events = folder / "events"
        self.checkpoints = folder / "checkpoints"
        self.model = folder / "model"
        self.last = folder / "last"
        self.failed = folder / "failed-batch"

    def __fspath__(self) -> str:
        """Returns the folder, so that a run can stand wherever a path can."""
        return str(self.folder)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}: {self._state()})"

    def _state(self) -> str:
        if not self.experiment.is_file():
            return "not started"
        planned = read_yaml(self.experiment)
        lines = self.read_metrics()
        scores = {line["step"]: line["val/miou"] for line in lines if line.get("val/miou") is not None}
        text = f"{planned.get('method')}, step {lines[-1]['step'] if lines else 0} of {planned.get('steps')}"
        best = max(scores, key=lambda step: scores[step], default=None)
        return text if best is None else f"{text}, best mIoU {100 * scores[best]:.2f} % at step {best}"

    def read_metrics(self) -> list[dict[str, Any]]:
        """Returns the lines of metrics.jsonl: training terms and validation scores, each with its `step`.

        A number that was not finite is None; there are no lines before the run has written any.
        """
        if not self.metrics.is_file():
            return []
        return [line for text in self.metrics.read_text(encoding="utf-8").splitlines() if (line := _parsed(text))]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from writing into the folder.

        Raises:
            FolderInUseError: one does already.
            ConfigError: the folder cannot be written.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(lock_folder(self.folder))
            except OSError as error:
                raise ConfigError(self._unwritable(error)) from error
            yield

    def _unwritable(self, error: OSError) -> str:
        return f"cannot write the run's folder {self.folder}: {error.strerror}; choose another --out"

    def start(self, experiment: Experiment, data: Mapping[str, Any], overwrite: bool) -> None:
        """Begins a run: writes the experiment and the record, over an old run if `overwrite` is true.

        Raises:
            ConfigError: the folder holds a run already, or what is no part of one and so not deleted, or cannot be
                written.
        """
        there = any(path.exists() for path in (self.experiment, self.checkpoints, self.model, self.last))
        if there and not overwrite:
            raise ConfigError(
                f"{self.folder} holds a run already; continue it with --resume, "
                "choose another folder with --out, or throw it away with --overwrite"
            )
        try:
            if there:
                self._delete()
            self.folder.mkdir(parents=True, exist_ok=True)
            files.write_json(self.record, {**run_record(experiment, data), _HASHES: [_digest(experiment)]})
            files.write_text(self.experiment, experiment.yaml())  # the last: from here on it is a run
        except OSError as error:
            raise ConfigError(self._unwritable(error)) from error

    def _delete(self) -> None:
        """Deletes the old run, if nothing else is in its folder.

        Raises:
            ConfigError: something is.
        """
        if foreign := sorted(map(str, self._foreign())):
            raise ConfigError(
                f"{self.folder} holds what is no part of a run, such as {foreign[0]!r}; nothing was deleted: move it, "
                "or choose another --out"
            )
        for pattern in _RUN_FILES:
            for path in self.folder.glob(pattern):
                files.delete_path(path)
        files.delete_partial(self.folder)

    def _foreign(self) -> Iterator[Path]:
        """Yields the paths that no run has."""
        for path in self.folder.iterdir():
            pattern = next((name for name in _RUN_FILES if path.match(name)), None)
            if path.name == LOCK_FILE or path.name.startswith(files.TEMPORARY):
                continue
            if pattern is None or path.is_symlink() or path.is_dir() != bool(_RUN_FILES[pattern]):
                yield path
            elif path.is_dir():
                known = (*_RUN_FILES[pattern].split(), f"{files.TEMPORARY}*")
                yield from (inner for inner in path.iterdir() if not any(map(inner.match, known)))

    def resume(self, experiment: Experiment, data: Mapping[str, Any], force: bool) -> None:
        """Prepares the run in this folder to go on: compares the experiment and the data, removes partial files.

        Raises:
            ConfigError: there is no run here, or it differs in what would change the result and `force` is false.
        """
        if not self.experiment.exists():
            raise ConfigError(f"no run to resume in {self.folder}; start it without --resume")
        before, stored = read_yaml(self.experiment), files.file_sha256(self.experiment)
        history = files.read_json(self.record) if self.record.exists() else run_record(experiment, data)
        old_data = history["data"]
        changed_data = [
            f"data of {split}: the images, masks or columns have changed"
            for split in old_data
            if old_data[split] != data.get(split)
        ]
        moved = frozenset() if changed_data else PLACES_OF_DATA
        changes = changed_keys(experiment.default_values() | before, experiment.values(), moved) + changed_data
        if stored not in history.get(_HASHES, [stored]):
            changes.append(f"{self.experiment.name}: is not the file that was written; a disk or somebody changed it")
        if changes and not force:
            raise ConfigError(
                f"the run in {self.folder} was started with another experiment:\n  "
                + "\n  ".join(changes)
                + "\nresume without these changes, start a new run with --out, or insist with --force"
            )
        for folder in (self.folder, self.checkpoints, self.samples):
            files.delete_partial(folder)
        machine = history.setdefault("machine", {})
        others = [
            f"{name}: {machine[name]} before, {now} now"
            for name, now in _parallelism(experiment).items()
            if machine.get(name, now) != now
        ]
        if others:
            print_message(f"warning: {'; '.join(others)}; the run goes on, but not to the same last digits: sums, and "
                          "with several devices the statistics of batch norm, depend on it")  # fmt: skip
        history[_HASHES] = [stored, _digest(experiment)]
        history.pop("stopped_early", None)
        history.setdefault("resumed", []).append({"command": typed_command(), "forced": changes, "otherwise": others})
        files.write_json(self.record, history)
        files.write_text(self.experiment, experiment.yaml())  # after the record, which so knows it at any time

    def note_hardware(self, device: str, peak_bytes: int | None) -> None:
        """Writes into the record what the run was trained on and the most memory that it took there, in bytes."""
        record = files.read_json(self.record)
        files.write_json(self.record, {**record, "device": {"name": device, "peak_memory": peak_bytes}})

    def note_costs(self, offline: Mapping[str, PhaseCost], online: PhaseCost) -> None:
        """Writes into the record what each offline result cost, and this session's training after earlier ones."""
        record = files.read_json(self.record)
        before = read_cost(record.get("cost", {}).get("online"))
        parts = {name: asdict(cost) for name, cost in offline.items()}
        costs = {"offline": parts, "online": asdict(online.after(before))}
        files.write_json(self.record, {**record, "cost": costs})

    def costs(self) -> dict[str, PhaseCost]:
        """Returns the cost of the offline phase and of the online one, as far as the record has them."""
        record = files.read_json(self.record) if self.record.is_file() else {}
        noted = record.get("cost", {}) if isinstance(record, dict) else {}
        parts = [read_cost(part) for part in noted.get("offline", {}).values()]
        found = {"offline": total_cost(part for part in parts if part), "online": read_cost(noted.get("online"))}
        return {name: cost for name, cost in found.items() if cost is not None}

    def note_early_stop(self, step: int, best_step: int) -> None:
        """Writes into the record that training ended before its last step, and the step of the best model."""
        record = files.read_json(self.record)
        files.write_json(self.record, {**record, "stopped_early": {"step": step, "best_step": best_step}})

    def cut_metrics(self, step: int) -> None:
        """Drops the lines after `step`, which a resumed run writes again."""
        if not self.metrics.exists():
            return
        lines = self.metrics.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if (parsed := _parsed(line)) is not None and parsed["step"] <= step]
        files.write_text(self.metrics, "".join(line + "\n" for line in kept))


def _parallelism(experiment: Experiment) -> dict[str, int]:
    """Returns what the last digits of a result depend on beside the experiment's other keys."""
    return {"threads": torch.get_num_threads(), "devices": experiment.settings.devices}


def _digest(experiment: Experiment) -> str:
    return hashlib.sha256(experiment.yaml().encode()).hexdigest()


def default_run_name(method: str, source: str | Path | None) -> str:
    """Returns the name of a run's folder: method, file and row, with the folder between them if there is one.

    `configs/distill/voc.yaml#pspnet-cwd` and `configs/distill/voc/pspnet-cwd.yaml` name the same folder.
    """
    method = method.replace(":", "-")  # the import path of a class
    if source is None:
        return f"{method}-default"
    path, row = split_row(source)
    between = [path.parent.name] if path.parent.parent.name == method else []
    return path_below(Path(), "-".join([method, *between, path.stem, *([row] if row else [])])).as_posix()


def _parsed(text: str) -> dict[str, Any] | None:
    """Returns a line of metrics; None for the one that was being written when the process died."""
    try:
        line = json.loads(text)
    except json.JSONDecodeError:
        return None
    return line if isinstance(line, dict) and "step" in line else None


def changed_keys(before: Mapping[str, Any], now: Mapping[str, Any], moved: Collection[str] = frozenset()) -> list[str]:
    """Returns a line for each key whose value changed and matters to the result.

    The keys `moved` name data whose content is known to be the same; another folder does not matter, unless one of
    both is the embedded world.
    """
    missing = object()

    def matters(key: str) -> bool:
        old, new = before.get(key, missing), now.get(key, missing)
        return old != new and not (key in moved and _is_folder(old) and _is_folder(new))

    keys = [key for key in {**before, **now} if key not in FREE_ON_RESUME]
    return [f"{key}: was {before.get(key)!r}, now {now.get(key)!r}" for key in keys if matters(key)]


def _is_folder(data: object) -> bool:
    return isinstance(data, str) and not names_world(data)


def run_record(experiment: Experiment, data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the record of a run: command, commit, versions, machine, origin of each key, data fingerprints."""
    return {
        "command": typed_command(),
        "commit": source_commit(),
        "versions": installed_versions(),
        "machine": {"platform": platform.platform(), "cores": os.cpu_count(), **_parallelism(experiment)},
        "origin": dict(experiment.origin),
        "data": dict(data),
    }


def typed_command() -> str:
    """Returns the command line of this process; that of a script or a notebook is Python's own."""
    if Path(sys.argv[0]).stem not in ("seglet", "__main__"):
        return shlex.join(["python", *sys.argv])
    return shlex.join(["seglet", *sys.argv[1:]])


def installed_versions() -> dict[str, str]:
    """Returns the versions of Python, seglet and the main packages."""
    found = {name: metadata.version(name) for name in _PACKAGES}
    for name in _EXTRA_PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return {"python": platform.python_version(), "seglet": __version__, **found}


def source_commit() -> str | None:
    """Returns the commit of the source tree in use, with '+' if its code has changes; None without a tree or git."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists() or shutil.which("git") is None:
        return None

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        ).stdout.strip()

    return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "--", "src") else "")
