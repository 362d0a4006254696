"""Runs the steps of a chain one after the other; the same request goes on where it was interrupted."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglet._version import __version__
from seglet.chain.plan import ChainPlan, plan_chain
from seglet.chain.request import ChainRequest
from seglet.chain.sources import class_file, class_lines, open_chain_data
from seglet.chain.steps import ChainStep, command_text
from seglet.engine.choose import this_machine
from seglet.engine.console import format_duration, print_message
from seglet.engine.output_folder import check_writable
from seglet.files import delete_path, read_json, write_json, write_text
from seglet.locks import holds_files, lock_folder

CHAIN_RECORD = "auto.json"
"""File in the work's folder with the request, the plan and the time of each finished step."""

RunWords = Callable[[Sequence[str], Path | None], int]
"""Runs one command, whose standard output is kept in a file if one is given, and returns its exit code."""


@dataclass(frozen=True)
class FinishedChain:
    """A chain that was run: its plan, and the seconds that each step took when it did."""

    request: ChainRequest
    plan: ChainPlan
    seconds: Mapping[str, float]


def prepare_chain(request: ChainRequest, overwrite: bool = False) -> ChainPlan:
    """Returns the plan of a request: that of the interrupted one in its folder, or a new one.

    Raises:
        ValueError: the folder holds the chain of another request or other files, the ONNX file is somebody else's, or
            nothing can be learned from the labels.
    """
    request.check_installed()
    if _holds_chain(request.work) and not overwrite:
        record = read_json(request.work / CHAIN_RECORD)
        _check_same(request, record)
        return ChainPlan.from_dict(record["plan"])
    if request.out.exists() and not overwrite:
        raise ValueError(f"{str(request.out)!r} is there already; choose another --out, or --overwrite it")
    return plan_chain(request, open_chain_data(request), this_machine())


def run_chain(
    request: ChainRequest, plan: ChainPlan, overwrite: bool = False, run: RunWords | None = None
) -> FinishedChain:
    """Runs the steps that are not finished, and records each that is.

    Args:
        request: the request.
        plan: its plan, of `prepare_chain`.
        overwrite: throw away an earlier chain in the folder first.
        run: what runs a command; None for a process of its own.

    Raises:
        ValueError: a command fails. What was finished before is kept.
    """
    check_writable(request.out)
    with lock_folder(request.work):
        if overwrite:
            _throw_away(request)
        record = _begun(request, plan)
        for number, step in enumerate(plan.steps, 1):
            head = f"[{number}/{len(plan.steps)}] {step.name}"
            if step.name in record["seconds"] and step.makes.exists():
                print_message(f"{head}: finished before, in {format_duration(record['seconds'][step.name])}")
                continue
            record["seconds"][step.name] = _run_step(step, head, run or run_in_process)
            write_json(request.work / CHAIN_RECORD, record)
    return FinishedChain(request, plan, record["seconds"])


def run_in_process(words: Sequence[str], printed: Path | None) -> int:
    """Runs a command in a process of its own and returns its exit code.

    An interrupted one is left to finish what it must; a signal to end is passed on.
    """
    command = [sys.executable, "-m", "seglet", *words]
    with subprocess.Popen(command, stdout=None if printed is None else subprocess.PIPE, env=os.environ) as process:
        try:
            content, _ = process.communicate()
        except KeyboardInterrupt as stop:
            if (number := vars(stop).get("signal")) is not None:  # Ctrl-C has reached the process by itself
                process.send_signal(number)
            process.wait()
            raise
    if printed is not None and process.returncode == 0:
        write_json(printed, json.loads(content))
    return process.returncode


def _run_step(step: ChainStep, head: str, run: RunWords) -> float:
    words = step.words_now()
    print_message(f"\n{head}: {command_text(words)}")
    began = time.monotonic()
    if code := run(words, step.printed):
        raise ValueError(
            f"`{command_text(words)}` ended with status {code}, for the reason above; once that is mended, the same "
            "`seglet auto` goes on from here"
        )
    if not step.makes.exists():
        raise ValueError(f"`{command_text(words)}` did not write {str(step.makes)!r}; run it to see why")
    return round(time.monotonic() - began, 1)


def _begun(request: ChainRequest, plan: ChainPlan) -> dict[str, Any]:
    """Returns the record of an interrupted chain, or that of a new one, which is written."""
    file = request.work / CHAIN_RECORD
    if file.is_file():
        return dict(read_json(file))
    record = {"seglet": __version__, "request": request.as_dict(), "plan": plan.as_dict(), "seconds": {}}
    if request.names:
        write_text(class_file(request), class_lines(request))
    write_json(file, record)
    return record


def _holds_chain(work: Path) -> bool:
    """Checks whether a folder holds a chain; False where it is new or empty.

    Raises:
        ValueError: it is a file, or holds other files.
    """
    if (work / CHAIN_RECORD).is_file():
        return True
    if work.exists() and (not work.is_dir() or holds_files(work)):
        raise ValueError(f"{str(work)!r} holds other files; choose a new folder with --work")
    return False


def _check_same(request: ChainRequest, record: Any) -> None:
    before, now = record["request"], json.loads(json.dumps(request.as_dict()))
    if other := [name for name in {**before, **now} if before.get(name) != now.get(name)]:
        name = other[0]
        raise ValueError(
            f"{str(request.work)!r} holds a chain with another {name.replace('_', ' ')}, {before.get(name)!r} and not "
            f"{now.get(name)!r}; choose another --work, or throw it away with --overwrite"
        )


def _throw_away(request: ChainRequest) -> None:
    """Deletes what a chain in the folder made, by its record; other files stay."""
    file = request.work / CHAIN_RECORD
    if not file.is_file():
        return
    for step in ChainPlan.from_dict(read_json(file)["plan"]).steps:
        for name in _first_parts(step, request.work):
            delete_path(request.work / name)
    for path in (request.out, file):
        delete_path(path)


def _first_parts(step: ChainStep, work: Path) -> set[str]:
    made = [path for path in (step.makes, step.printed) if path is not None and path.is_relative_to(work)]
    return {path.relative_to(work).parts[0] for path in made}
