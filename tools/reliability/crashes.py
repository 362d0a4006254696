"""Kills and full disks before every file event of a command, and what running it again makes of that."""

import hashlib
import json
import resource
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from tools.reliability.forked import Fault, Limits, run_forked, started
from tools.reliability.jobs import Job
from tools.reliability.row import Row, tally

_VOLATILE = ("steps_per_second",)
_RECORDS = ("record.json", "predictions.json", "enhanced.json", "label.json", "refinements.json", ".seglet-lock",
            ".seglet-sources")  # fmt: skip
"""Files that say when and how a command ran, which differ between a run and its repetition."""
_EVIDENCE: dict[Fault, str] = {
    "kill": "SIGKILL before a file event, then again: the same files",
    "full": "disk full at a file event: no traceback; then again: the same files",
    "term": "SIGTERM at a file event: 143 or done; then again: the same files",
    "interrupt": "Ctrl-C at a file event: 130 or done; then again: the same files",
}
_AGAIN = "then again: the same files"
"""What is asked of a script of somebody else's, whatever its exit code and its errors."""
_LOW = {"32 open files": {resource.RLIMIT_NOFILE: 32}, "files of 1 kB": {resource.RLIMIT_FSIZE: 1000}}
"""Limits of a shell's `ulimit`, beside that of memory."""
_LOW_EVIDENCE = "no traceback under ulimit -n and -f; then again: the same files"


def content_of(folder: Path) -> dict[str, str]:
    """Returns a hash of each file, without records, logs, temporary files and the pace in metrics."""
    found = {}
    for path in sorted(folder.rglob("*")):
        volatile = path.name in _RECORDS or path.suffix == ".log" or ".partial-" in str(path)
        if not path.is_file() or volatile or {"checkpoints", "costs"} & set(path.parts):
            continue
        content = path.read_bytes()
        if path.name == "metrics.jsonl":
            lines = [json.loads(line) for line in content.decode().splitlines()]
            kept = [{key: value for key, value in line.items() if key not in _VOLATILE} for line in lines]
            content = json.dumps(kept).encode()
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def crash_rows(place: Path, jobs: Iterable[Job], most: int) -> Iterator[Row]:
    """Yields rows for each command: a kill at `most` file events, evenly chosen, other faults at a third of them.

    Each is run twice without a fault first, and once under each low limit of a shell.
    """
    for job in jobs:
        folder = place / "out"
        failed = next((done for words in job.before if (done := run_forked(words, folder)).code), None)
        began = time.monotonic()
        whole = failed or run_forked(job.words, folder, program=job.program)
        seconds = time.monotonic() - began
        if whole.code:
            yield Row(f"{job.name}: without a fault", 1, 0, whole.text[-300:].replace("\n", " "))
            continue
        expected = content_of(folder)
        shutil.rmtree(folder)
        twice = run_forked(job.words, folder, program=job.program).code == 0 and content_of(folder) == expected
        yield tally(f"{job.name}: twice", "the same command twice: the same files", [("again", twice)])
        moved = [(name, False) for name in whole.unsynced] + [("", True)] * (whole.renames - len(whole.unsynced))
        yield tally(f"{job.name}: power loss", "what is renamed was synchronised to disk before", moved)
        faults: tuple[Fault, ...] = ("kill", "full", "term", "interrupt") if "train" in job.name else ("kill", "full")
        for fault in faults:
            points = min(whole.events, most if fault == "kill" else max(1, most // 3))
            chosen = np.unique(np.linspace(0, whole.events - 1, points).astype(int))
            trials = [(f"event {at}", _held(job, folder, fault, int(at), expected)) for at in chosen]
            evidence = _EVIDENCE[fault] if job.plain else _AGAIN
            yield tally(f"{job.name}: {fault}", f"{evidence} ({whole.events} events)", trials)
        if "train" in job.name:
            moments = [(f"{share:.0%}", _killed(job, folder, share * seconds, expected)) for share in _shares(most)]
            yield tally(
                f"{job.name}: kill at any time", "SIGKILL at a moment of the run, then again: the same files", moments
            )
        trials = [(name, _limited(job, folder, limits, expected)) for name, limits in _LOW.items()]
        yield tally(f"{job.name}: low limits", _LOW_EVIDENCE if job.plain else _AGAIN, trials)
        shutil.rmtree(folder, ignore_errors=True)


def _held(job: Job, folder: Path, fault: Fault, at: int, expected: dict[str, str]) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    struck = run_forked(job.words, folder, fault, at, job.program)
    if not job.plain:
        return _goes_on(job, folder, expected)
    allowed = {"full": (0, 2), "term": (0, 143), "interrupt": (0, 130)}
    if struck.code not in allowed.get(fault, (struck.code,)) or (fault == "full" and "Traceback" in struck.text):
        return False
    return _goes_on(job, folder, expected)


def _limited(job: Job, folder: Path, limits: Limits, expected: dict[str, str]) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    limited = run_forked(job.words, folder, program=job.program, limits=limits)
    return (limited.plain or not job.plain) and _goes_on(job, folder, expected)


def _shares(most: int) -> list[float]:
    """Returns the moments at which a run is killed, as shares of its time, evenly chosen."""
    count = max(1, most // 2)
    return [(index + 0.5) / count for index in range(count)]


def _killed(job: Job, folder: Path, seconds: float, expected: dict[str, str]) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    with started(job.words, folder, job.program):
        time.sleep(seconds)
    return _goes_on(job, folder, expected)


def _goes_on(job: Job, folder: Path, expected: dict[str, str]) -> bool:
    again = run_forked(job.again(folder), folder, program=job.program)
    return again.code == 0 and content_of(folder) == expected
