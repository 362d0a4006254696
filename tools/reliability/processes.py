"""Processes that share a folder or a run, processes that die, and the same command in different surroundings."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from seglet.files import file_sha256
from seglet.locks import lock_folder
from tools.reliability.crashes import content_of
from tools.reliability.forked import run_forked
from tools.reliability.jobs import TINY, command_jobs
from tools.reliability.row import Row, tally

_TRAIN = [sys.executable, "-m", "seglet", "train", "supervised", "--student", "deeplabv3-resnet18", *TINY]
_TWO = ["--devices", "2", "--accelerator", "cpu"]
_LONG = ["--steps", "60", "--validate_every", "60"]
"""Keys of a run that goes on for some seconds after its first checkpoint."""
_LONGEST = 300
"""Seconds after which a run whose process died counts as hanging, on a machine as busy as may be."""


def surroundings_rows(place: Path, long: bool) -> Iterator[Row]:
    """Yields the rows of determinism: the same training again, elsewhere, and in two processes."""
    surroundings = {
        "again": ({}, []), "another hash seed": ({"PYTHONHASHSEED": "7"}, []), "2 workers": ({}, ["--workers", "2"]),
        "a job of SLURM": ({"SLURM_NTASKS": "1", "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "night"}, []),
    }  # fmt: skip
    if long:
        surroundings |= {"no cache": ({}, ["--cache", "0"]), "1 worker": ({}, ["--workers", "1"])}
    whole = _weights(place / "whole", {}, [])
    trials = [(name, _weights(place / name, *given) == whole) for name, given in surroundings.items()]
    yield tally("the same training in other surroundings", "SHA-256 of the last weights", trials)
    both = _weights(place / "two", {}, _TWO)
    again = _weights(place / "two again", {}, _TWO)
    yield tally("two processes, twice", "SHA-256 of the last weights", [(again, both == again)])


def death_rows(place: Path) -> Iterator[Row]:
    """Yields the rows of processes that die."""
    resumed = "then --resume: the same weights"
    yield tally("a loading process is killed", f"exit code 2 within {_LONGEST} s; {resumed}",
                [("worker", _death(place / "worker", ["--workers", "2"], 2))])  # fmt: skip
    yield tally("one of two processes is killed", f"an error within {_LONGEST} s, not a hang; {resumed}",
                [("rank 1", _death(place / "rank", _TWO))])  # fmt: skip


def meeting_rows(place: Path) -> Iterator[Row]:
    """Yields the rows of two processes in one folder."""
    yield tally("a second command in a folder in use", "exit code 2, names the first; nothing is written",
                _held_folders(place / "held"))  # fmt: skip
    yield tally("a second process beside a live run", "exit code 2, names the first", _second(place / "shared"))
    yield tally("two processes prepare the same columns at once", "the files of one alone", [_both(place / "both")])


def _environment(more: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}


def _weights(out: Path, environment: dict[str, str], words: list[str]) -> str:
    command = [*_TRAIN, "--out", str(out), *words]
    done = subprocess.run(command, env=_environment(environment), capture_output=True, text=True, check=False)
    return file_sha256(out / "last/model.safetensors") if done.returncode == 0 else f"{out.name}: {done.stderr[-200:]}"


def _death(out: Path, words: list[str], code: int | None = None) -> bool:
    """Returns True if a run ends by itself soon after its last child is killed, and then resumes as if it had not."""
    words = [*words, *_LONG]
    whole = _weights(out.with_name(f"{out.name}-whole"), {}, words)
    command = [*_TRAIN, "--out", str(out), *words]
    with subprocess.Popen(command, env=_environment({}), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as run:
        try:
            while not (out / "checkpoints/step-0000001").exists() and run.poll() is None:
                time.sleep(0.02)
            os.kill(_children(run.pid)[-1], signal.SIGKILL)
            run.communicate(timeout=_LONGEST)
        except (subprocess.TimeoutExpired, IndexError):
            return False
        finally:
            for child in _children(run.pid):
                os.kill(child, signal.SIGKILL)
            run.kill()
    if run.returncode == 0 or (code is not None and run.returncode != code):
        return False
    return _weights(out, {}, [*words, "--resume"]) == whole


def _children(process: int) -> list[int]:
    """Returns the numbers of a process's children, the latest last; those of a resource tracker do not count."""
    found = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            words = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"resource_tracker" not in words and b"forkserver" not in words:
                found.append(child)
    return sorted(found)


def _second(out: Path) -> Iterator[tuple[str, bool]]:
    """Yields whether a second command was refused, by its option, while the first trains."""
    command = [*_TRAIN, "--out", str(out), "--steps", "1000000"]
    with subprocess.Popen(command, env=_environment({}), stderr=subprocess.DEVNULL) as first:
        while not (out / "metrics.jsonl").exists() and first.poll() is None:
            time.sleep(0.05)
        for option in ("--resume", "--overwrite"):
            done = run_forked([*command[3:], option], out)
            yield option, done.code == 2 and f"process {first.pid}" in done.text
        first.kill()


def _held_folders(place: Path) -> Iterator[tuple[str, bool]]:
    """Yields whether each command that writes a folder of results leaves one alone whose lock this process has."""
    place.mkdir()
    out = place / "out"
    for job in command_jobs(place):
        if job.name in ("data check", "prepare"):  # which replace single files, named by their content
            continue
        with lock_folder(out):
            done = run_forked(job.words, out)
            left = [path.name for path in out.iterdir()]
        yield job.name, done.code == 2 and f"process {os.getpid()}" in done.text and left == [".seglet-lock"]
        shutil.rmtree(out, ignore_errors=True)


def _both(place: Path) -> tuple[str, bool]:
    """Returns whether two preparations at once leave what one alone leaves."""
    place.mkdir()
    out = place / "out"
    prepare = next(job for job in command_jobs(place) if job.name == "prepare")
    run_forked(prepare.words, out)
    expected = content_of(out)
    shutil.rmtree(out)
    command = [sys.executable, "-m", "seglet", *prepare.words]
    both = [subprocess.Popen(command, env=_environment({}), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            for _ in range(2)]  # fmt: skip
    codes = [one.wait() for one in both]
    return f"exit codes {codes}", set(codes) <= {0, 2} and content_of(out) == expected and bool(expected)
