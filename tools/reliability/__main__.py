"""`python -m tools.reliability`: injects every fault, prints who held, and writes docs/results/reliability.json."""

import argparse
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from seglet.engine.run import source_commit
from seglet.files import write_json, write_text
from tools.reliability.crashes import crash_rows
from tools.reliability.flips import flip_rows
from tools.reliability.hostile import hostile_rows
from tools.reliability.processes import process_rows
from tools.reliability.row import Row

METHODS = ("supervised", "fotf", "fixmatch", "viladiff", "dgkd", "distill")
"""Methods that are trained in the long form; the short one trains the first."""


def rows(place: Path, long: bool, only: str, trials: int, points: int) -> Iterator[Row]:
    """Yields the rows of the groups whose names contain `only`."""
    groups: dict[str, Callable[[Path], Iterator[Row]]] = {
        "flips": lambda folder: flip_rows(folder, trials),
        "hostile": lambda folder: hostile_rows(folder, trials),
        "processes": lambda folder: process_rows(folder, long),
        "crashes": lambda folder: crash_rows(folder, list(METHODS if long else METHODS[:1]), 10**6 if long else points),
    }
    for name, group in groups.items():
        if only in name:
            (place / name).mkdir()
            yield from group(place / name)


def write_counts(page: Path, found: list[Row], about: str) -> None:
    """Writes the rows as a table between the marks of a page in Markdown."""
    begin, end = "<!-- reliability -->", "<!-- /reliability -->"
    head, _, rest = page.read_text(encoding="utf-8").partition(begin)
    lines = [f"| {row.fault} | {row.held} / {row.tried} | {row.evidence} |".replace("<", "&lt;") for row in found]
    table = "\n".join(["", about, "", "| fault | held | what was compared |", "|---|---|---|", *lines, ""])
    write_text(page, f"{head}{begin}\n{table}\n{end}{rest.partition(end)[2]}")


def main() -> int:
    """Runs the scorecard; 0 if every trial held, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tools.reliability", description=__doc__)
    parser.add_argument("--long", action="store_true", help="every file event, every method; about an hour")
    parser.add_argument("--only", default="", help="only groups whose name contains this: flips, hostile, …")
    parser.add_argument("--trials", type=int, default=200, help="random faults of each kind (200)")
    parser.add_argument("--points", type=int, default=24, help="file events of a command to kill it before (24)")
    parser.add_argument("--out", type=Path, help="file of results; none is written without it")
    parser.add_argument("--page", type=Path, help="page in Markdown whose table of counts is written anew")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    began, found = time.monotonic(), list[Row]()
    with tempfile.TemporaryDirectory(prefix="seglet-reliability-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # each of thousands of damaged files has one
        os.environ["SEGLET_CACHE"] = f"{folder}/cache"
        for row in rows(Path(folder), arguments.long, arguments.only, arguments.trials, arguments.points):
            found.append(row)
            sys.stdout.write(f"{row.held:5}/{row.tried:<5} {row.fault}: {row.evidence}\n")
            sys.stdout.flush()
    tried, held = sum(row.tried for row in found), sum(row.held for row in found)
    sys.stdout.write(f"{held} of {tried} held, in {time.monotonic() - began:.0f} s\n")
    if arguments.out:
        about = {"command": " ".join(["python -m tools.reliability", *sys.argv[1:]]), "commit": source_commit()}
        machine = f"{os.cpu_count()} CPU cores, {platform.system()}, torch {torch.__version__}"
        write_json(arguments.out, {**about, "hardware": machine, "rows": [asdict(row) for row in found]})
    if arguments.page:
        write_counts(arguments.page, found, f"{held} of {tried} held.")
    return int(held < tried)


if __name__ == "__main__":
    sys.exit(main())
