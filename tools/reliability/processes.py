"""Processes that share a folder, and the same command in different surroundings."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from seglet.files import file_sha256
from tools.reliability.crashes import TINY
from tools.reliability.row import Row, tally

_TRAIN = [sys.executable, "-m", "seglet", "train", "supervised", "--student", "deeplabv3-resnet18", *TINY]


def process_rows(place: Path, long: bool) -> Iterator[Row]:
    """Yields the rows: determinism, and a second process beside a live one."""
    surroundings = {
        "again": ({}, []), "another hash seed": ({"PYTHONHASHSEED": "7"}, []), "2 workers": ({}, ["--workers", "2"]),
        "a job of SLURM": ({"SLURM_NTASKS": "1", "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "night"}, []),
    }  # fmt: skip
    if long:
        surroundings |= {"no cache": ({}, ["--cache", "0"]), "1 worker": ({}, ["--workers", "1"])}
    whole = _weights(place / "whole", {}, [])
    trials = [(name, _weights(place / name, *given) == whole) for name, given in surroundings.items()]
    yield tally("the same training in other surroundings", "SHA-256 of the last weights", trials)
    yield tally("a second process beside a live run", "exit code 2, names the first", _second(place / "shared"))
    twice = ["--devices", "2", "--accelerator", "cpu"]
    if long:
        both = _weights(place / "two", {}, twice)
        yield tally("two processes, twice", "SHA-256", [("", both == _weights(place / "two again", {}, twice))])


def _environment(more: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}


def _weights(out: Path, environment: dict[str, str], words: list[str]) -> str:
    command = [*_TRAIN, "--out", str(out), *words]
    done = subprocess.run(command, env=_environment(environment), capture_output=True, text=True, check=False)
    return file_sha256(out / "last/model.safetensors") if done.returncode == 0 else f"{out.name}: {done.stderr[-200:]}"


def _second(out: Path) -> Iterator[tuple[str, bool]]:
    """Yields whether a second command was refused, by its option, while the first trains."""
    command = [*_TRAIN, "--out", str(out), "--steps", "1000000"]
    with subprocess.Popen(command, env=_environment({}), stderr=subprocess.DEVNULL) as first:
        while not (out / "metrics.jsonl").exists() and first.poll() is None:
            time.sleep(0.05)
        for option in ("--resume", "--overwrite"):
            words = [*command, option]
            done = subprocess.run(words, env=_environment({}), capture_output=True, text=True, check=False)
            yield option, done.returncode == 2 and f"process {first.pid}" in done.stderr
        first.kill()
