"""The rows of a results table: each is trained and scored on several seeds, in processes of their own.

A finished row is never repeated and an interrupted one resumes, so a table can be stopped and started at will.
"""

import importlib.resources
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seglet.apps.parsing import suggest

SCORES = {"miou": "miou", "pixel_accuracy": "pixel_accuracy", "ece": "ece_10", "ece_15": "ece_15"}
"""Names in a table, and in an evaluation."""


def names() -> list[str]:
    """Tables that there are."""
    folder = importlib.resources.files("seglet.apps") / "tables"
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


def definition(name: str) -> dict[str, Any]:
    """What a table is made of: keys `shared` by all rows, and the `rows` with keys of their own; see the files.

    `"teacher": "@row"` stands for the model of another row.

    Raises:
        ValueError: there is no such table; names the right ones.
    """
    if name not in names():
        raise ValueError(f"there is no table {name!r}{suggest(name, names())}; there are {', '.join(names())}")
    text = (importlib.resources.files("seglet.apps") / "tables" / f"{name}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


@dataclass(frozen=True)
class Table:
    """Which rows and seeds of a table to fill, with which keys laid over them, and where runs and results go.

    Empty `rows` and `seeds` mean all.
    """

    name: str
    runs: Path
    results: Path
    overrides: Mapping[str, Any]
    rows: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    jobs: int = 1

    def __post_init__(self) -> None:
        wrong = set(self.rows) - self.content["rows"].keys()
        if wrong:
            raise ValueError(
                f"table {self.name} has no row {', '.join(sorted(wrong))}; it has {', '.join(self.content['rows'])}"
            )
        if self.content["needs_data"] and "data" not in self.overrides:
            raise ValueError(f"table {self.name} needs real pictures ({self.content['needs_data']}): give --data DIR")

    @cached_property
    def content(self) -> dict[str, Any]:
        return definition(self.name)

    @property
    def file(self) -> Path:
        """Where the results are written."""
        return self.results / f"{self.name}.json"

    def fill(self) -> dict[str, Any]:
        """Trains and scores what is missing; the results so far are written after every run."""
        wanted = set(self.rows or self.content["rows"])
        wanted |= {teacher for row in wanted if (teacher := self.teacher(row))}
        teachers = {teacher for row in self.content["rows"] if (teacher := self.teacher(row))}
        cells = [(row, seed) for row, seed in self.cells() if row in wanted]
        # In this order no run waits for a teacher that has not begun, and what needs no teacher fills the waiting.
        cells.sort(key=lambda cell: (cell[0] not in teachers, self.teacher(cell[0]) is not None))
        begun: dict[str, Future[None]] = {}
        with ThreadPoolExecutor(self.jobs) as pool:
            runs = []
            for row, seed in cells:
                runs.append(pool.submit(self.run, row, seed, begun.get(self.teacher(row) or "")))
                begun.setdefault(row, runs[-1])
            try:
                for finished in as_completed(runs):
                    finished.result()
                    self.write()
            except BaseException:  # a failed run, or Ctrl-C: what runs may end, nothing new begins
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return self.write()

    def cells(self) -> Iterator[tuple[str, int]]:
        """All (row, seed), seed by seed; rows that teach others, or are named in `once`, have the first seed alone."""
        seeds = self.seeds or tuple(self.content["seeds"])
        once = {self.teacher(row) for row in self.content["rows"]} | set(self.content.get("once", ()))
        for seed in seeds:
            for row in self.content["rows"]:
                if seed == seeds[0] or row not in once:
                    yield row, seed

    def teacher(self, row: str) -> str | None:
        """The row whose model teaches `row`."""
        teacher = self.content["rows"][row].get("teacher")
        return teacher.removeprefix("@") if teacher else None

    def folder(self, row: str, seed: int) -> Path:
        return self.runs / f"{row}-{seed}"

    def model(self, row: str, seed: int) -> Path:
        return self.folder(row, seed) / "last"

    def keys(self, row: str, seed: int) -> dict[str, Any]:
        """The experiment of one run."""
        keys = {**self.content["shared"], **self.content["rows"][row], **self.overrides, "seed": seed}
        if teacher := self.teacher(row):
            first = next(seed for name, seed in self.cells() if name == teacher)
            keys["teacher"] = str(self.model(teacher, first))
        return keys

    def run(self, row: str, seed: int, teacher: Future[None] | None) -> None:
        """Trains and scores one row on one seed, once its teacher is there and unless that was done before."""
        if teacher is not None:
            teacher.result()
        folder, keys = self.folder(row, seed), self.keys(row, seed)
        scores = folder / "scores.json"
        if scores.exists():
            return
        words = [word for key, value in keys.items() if key != "method" for word in (f"--{key}", *_words(value))]
        begun = any((folder / "checkpoints").glob("step-*"))
        way = "--resume" if begun else "--overwrite"
        self.call(folder, "train", keys["method"], "--out", folder, way, *words)
        data = f"world:scenes=500,size={keys['world_size']}" if keys["data"] == "world" else keys["data"]
        where = ("--data", data, "--split", self.content["score_on"], "--resize", keys.get("resize", 1.0))
        self.call(folder, "evaluate", self.model(row, seed), *where, "--out", scores)

    def call(self, folder: Path, *words: Any) -> None:
        """One seglet command, on its share of the cores; its output goes to a log beside the folder.

        Raises:
            ValueError: it failed; the end of the log is shown.
        """
        threads = str(max(1, (os.cpu_count() or 1) // self.jobs))
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        folder.parent.mkdir(parents=True, exist_ok=True)
        log = folder.parent / f"{folder.name}.log"
        with log.open("a", encoding="utf-8") as file:
            command = [sys.executable, "-m", "seglet", *map(str, words)]
            failed = subprocess.run(command, stdout=file, stderr=file, env=environment, check=False).returncode
        if failed:
            tail = "\n  ".join(log.read_text(encoding="utf-8").splitlines()[-5:])
            raise ValueError(f"`seglet {words[0]}` failed in {folder}; {log} ends:\n  {tail}")
        print(f"{folder.name}: {words[0]} done", file=sys.stderr, flush=True)

    def write(self) -> dict[str, Any]:
        """The results so far, in `file`."""
        from seglet.apps.curves import svg
        from seglet.files import read_json, write_json, write_text

        done = [(row, seed) for row, seed in self.cells() if (self.folder(row, seed) / "scores.json").exists()]
        records = [read_json(self.folder(*cell) / "record.json") for cell in done]
        results = {
            "name": self.name,
            "title": self.content["title"],
            "command": shlex.join(["seglet", "table", self.name, *_shown(self.overrides)]),
            "commit": ", ".join(dict.fromkeys(str(record["commit"]) for record in records)),
            "data": records[0]["data"] if records else None,
            "hardware": f"{os.cpu_count()} CPU cores",
            "versions": records[0]["versions"] if records else None,
            "rows": [_result(row, seed, self.folder(row, seed)) for row, seed in done],
            "paper": self.content["paper"],
        }
        write_json(self.file, results)
        if done:
            write_text(self.file.with_suffix(".svg"), svg(results))
        return results


def _words(value: Any) -> list[str]:
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return ["none" if value is None else str(value)]


def _shown(overrides: Mapping[str, Any]) -> list[str]:
    """The overrides as words, without the place of anybody's data."""
    return [
        word
        for key, value in overrides.items()
        for word in (f"--{key}", *(["DIR"] if key == "data" else _words(value)))
    ]


def _result(row: str, seed: int, folder: Path) -> dict[str, Any]:
    from seglet.files import read_json

    scores = read_json(folder / "scores.json")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    curve = [[line["step"], round(line["val/miou"], 4)] for line in lines if line.get("val/miou") is not None]
    return {"row": row, "seed": seed, **{name: scores[key] for name, key in SCORES.items()}, "curve": curve}
