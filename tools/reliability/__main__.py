"""`python -m tools.reliability`: injects every fault, prints who held, and writes docs/results/reliability.json."""

import argparse
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from multiprocessing import active_children, get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from seglet.engine.run import source_commit
from tools.reliability.crashes import crash_rows
from tools.reliability.flips import flip_rows
from tools.reliability.hostile import hostile_rows
from tools.reliability.jobs import METHODS, command_jobs, table_jobs, training_jobs
from tools.reliability.load import load_rows
from tools.reliability.page import Group, read_groups, write_groups, write_page
from tools.reliability.peers import PEERS, peer_rows
from tools.reliability.processes import death_rows, meeting_rows, surroundings_rows
from tools.reliability.row import Row

_EVERY = 10**6


def group_rows(name: str, place: Path, long: bool, trials: int, points: int) -> Iterator[Row]:
    """Yields the rows of a group; `points` are file events of a command, and a few for each slow one."""
    points, few = (_EVERY, _EVERY) if long else (points, max(1, points // 8))
    if name == "flips":
        yield from flip_rows(place, trials)
    elif name == "hostile":
        yield from hostile_rows(place, trials)
    elif name == "surroundings":
        yield from surroundings_rows(place, long)
    elif name == "deaths":
        yield from death_rows(place)
    elif name == "meetings":
        yield from meeting_rows(place)
    elif name == "load":
        yield from load_rows(place)
    elif name == "training":
        yield from crash_rows(place, training_jobs(place, METHODS[:1]), points)
    elif name == "methods":
        yield from crash_rows(place, training_jobs(place, METHODS[1:]), few)
    elif name == "commands":
        yield from crash_rows(place, command_jobs(place), points // 2)
    elif name == "tables":
        yield from crash_rows(place, table_jobs(place), few)
    elif name in PEERS:
        yield from peer_rows(place, name, trials, points)
    else:
        raise ValueError(f"no group is called {name!r}")


GROUPS: Mapping[str, str] = {
    "methods": "a training of every other method, at few file events",
    "commands": "commands that write files",
    "training": "a training, at many file events",
    "tables": "results tables and label-cost curves, with all their tasks",
    "surroundings": "the same training again, elsewhere, and in two processes",
    "deaths": "processes that die",
    "lightning": "a plain script on Lightning",
    "pytorch": "a plain loop of PyTorch",
    "meetings": "two processes in one folder",
    "flips": "flipped bits and truncations of every stored file",
    "hostile": "files and requests made to do harm",
    "load": "the app under load",
}
"""Groups of rows, the longest first."""


def _run_group(name: str, place: str, long: bool, trials: int, points: int) -> tuple[str, Group]:
    """Runs a group in a process of its own; prints its rows as they come, and keeps those so far in a file."""
    warnings.simplefilter("ignore")  # each of thousands of damaged files has one
    began, folder, found = time.monotonic(), Path(place) / name, list[Row]()
    folder.mkdir()
    os.environ["SEGLET_CACHE"] = f"{place}/cache-{name}"
    shown = f"python -m tools.reliability --only {name} --trials {trials} --points {points}{' --long' * long}"
    machine = f"{os.cpu_count()} CPU cores, {platform.system()}, torch {torch.__version__}"
    group = Group(shown, source_commit(), machine, 0, found, whole=False)
    for row in group_rows(name, folder, long, trials, points):
        found.append(row)
        whose = "" if row.system == "seglet" else f"{row.system}, "
        sys.stdout.write(f"{row.held:5}/{row.tried:<5} {whose}{row.fault}: {row.evidence}\n")
        sys.stdout.flush()
        write_groups(folder.with_suffix(".json"), {name: replace(group, seconds=round(time.monotonic() - began))})
    return name, replace(group, seconds=round(time.monotonic() - began), whole=True)


def _run_groups(names: Sequence[str], arguments: argparse.Namespace) -> dict[str, Group]:
    """Runs groups, some at a time, until they are done or time is up; then those that go on have the rows so far."""
    found: dict[str, Group] = {}
    with tempfile.TemporaryDirectory(prefix="seglet-reliability-", ignore_cleanup_errors=True) as place:
        run = partial(_run_group, place=place, long=arguments.long, trials=arguments.trials, points=arguments.points)
        pool = ProcessPoolExecutor(arguments.jobs, get_context("fork"))
        try:
            limit = None if arguments.minutes is None else 60 * arguments.minutes
            for future in as_completed([pool.submit(run, name) for name in names], limit):
                name, found[name] = future.result()
        except (TimeoutError, KeyboardInterrupt):
            for process in active_children():
                process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
        for name in names:
            found = read_groups(Path(place) / f"{name}.json") | found
    return found


def main() -> int:
    """Runs the scorecard; 0 if every trial on seglet was held, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tools.reliability", description=__doc__)
    parser.add_argument("--long", action="store_true", help="every file event of every method and command; hours")
    parser.add_argument("--only", nargs="*", choices=tuple(GROUPS), default=list(GROUPS), metavar="GROUP",
                        help=f"only these groups; results of others are kept: {', '.join(GROUPS)}")  # fmt: skip
    parser.add_argument("--trials", type=int, default=200, help="random faults of each kind (200)")
    parser.add_argument("--points", type=int, default=16, help="file events of a command to kill it before (16)")
    parser.add_argument("--jobs", type=int, default=2, help="groups at a time (2)")
    parser.add_argument("--minutes", type=float, help="stop then, and keep the rows so far")
    parser.add_argument("--join", type=Path, nargs="+", default=[], metavar="FILE", help="results of other commands")
    parser.add_argument("--out", type=Path, help="file of results; none is written without it")
    parser.add_argument("--page", type=Path, help="page in Markdown whose tables of counts are written anew")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    began = time.monotonic()
    found = _run_groups([name for name in GROUPS if name in arguments.only], arguments)
    own = [row for group in found.values() for row in group.rows if row.system == "seglet"]
    tried, held = sum(row.tried for row in own), sum(row.held for row in own)
    sys.stdout.write(f"{held} of {tried} held, in {time.monotonic() - began:.0f} s\n")
    before: dict[str, Group] = {}
    for file in [*([arguments.out] if arguments.out else []), *arguments.join]:
        before |= read_groups(file)
    every = {name: group for name in GROUPS if (group := found.get(name) or before.get(name))}
    if arguments.out:
        write_groups(arguments.out, every)
    if arguments.page:
        write_page(arguments.page, every, GROUPS)
    return int(held < tried)


if __name__ == "__main__":
    sys.exit(main())
