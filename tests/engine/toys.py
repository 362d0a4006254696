"""Experiments small enough to run in a test."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from seglet.engine.experiment import Experiment, resolve_experiment
from seglet.files import file_sha256

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}  # sums depend on how many threads share them

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
    return resolve_experiment(None, {"method": method, **TINY, "width": 0.0625, **keys})


def from_file(source: str | Path, **keys: Any) -> Experiment:
    """Reads a shipped experiment and brings it down to a few small scenes; its networks and losses stay."""
    return resolve_experiment(source, {**TINY, **keys})


def two_processes(experiment: Experiment, folder: Path) -> list[str]:
    """Trains in two processes, and then its last step again from the checkpoint before; hashes of both networks."""
    file, out, hashes = folder / "experiment.yaml", folder / "run", []
    file.write_text(experiment.yaml())
    command = [sys.executable, "-m", "seglet", "train", str(file), "--out", str(out)]
    for more in ([], ["--resume"]):
        words = [*command, "--devices", "2", "--accelerator", "cpu", *more]
        done = subprocess.run(words, capture_output=True, text=True, env=ONE_THREAD, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        hashes.append(file_sha256(out / "last" / "model.safetensors"))
        shutil.rmtree(max((out / "checkpoints").glob("step-*")))
        shutil.rmtree(out / "last")
    return hashes
