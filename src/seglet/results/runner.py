"""The rows of a results table: each is trained and scored on several seeds, in processes of their own.

A finished row is never repeated and an interrupted one resumes, so a table can be stopped and started at will.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seglet import methods
from seglet.engine.experiment import known_keys
from seglet.results.row import Recipe
from seglet.results.tables import definition


@dataclass(frozen=True)
class Table:
    """Which rows and seeds of a table to fill, with which keys laid over them, and where runs and results go.

    Empty `rows` and `seeds` mean all. `given` is what the table is made of, where it is none of the package's.
    """

    name: str
    runs: Path
    results: Path
    overrides: Mapping[str, Any]
    rows: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    jobs: int = 1
    given: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        wrong = set(self.rows) - self.content["rows"].keys()
        if wrong:
            raise ValueError(
                f"table {self.name} has no row {', '.join(sorted(wrong))}; it has {', '.join(self.content['rows'])}"
            )
        if self.content["needs_data"] and "data" not in self.overrides:
            raise ValueError(f"table {self.name} needs real images ({self.content['needs_data']}): give --data DIR")

    @cached_property
    def content(self) -> Mapping[str, Any]:
        return definition(self.name) if self.given is None else self.given

    @property
    def file(self) -> Path:
        """Where the results are written."""
        return self.results / f"{self.name}.json"

    def fill(self) -> dict[str, Any]:
        """Trains and scores what is missing; the results so far are written after every run.

        Raises:
            ValueError: a run failed, or the data lack splits that rows learn from.
        """
        self.check_splits()
        wanted = self.wanted()
        cells = [(row, seed) for row, seed in self.cells() if row in wanted]
        # In this order no run waits for one that has not begun, and what needs no other fills the waiting.
        cells.sort(key=lambda cell: (cell[0] not in self.teachers, len(self.before(cell[0]))))
        begun: dict[tuple[str, int], Future[None]] = {}
        with ThreadPoolExecutor(self.jobs) as pool:
            for row, seed in cells:
                sources = [begun[cell] for cell in self.sources(row, seed)]
                begun[row, seed] = pool.submit(self.run, row, seed, sources)
            try:
                for finished in as_completed(begun.values()):
                    finished.result()
                    self.write()
            except BaseException:  # a failed run, or Ctrl-C: what runs may end, nothing new begins
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return self.write()

    def check_splits(self) -> None:
        """
        Raises:
            ValueError: real images lack splits that rows learn from; all of them are named, and what makes them.
        """
        from seglet.data.dataset import describe, is_world
        from seglet.data.splits.fractions import commands

        data = str(self.overrides.get("data", "world"))
        taught = [row for row in self.wanted() if not (self.recipe(row).labels_of or self.recipe(row).model_of)]
        keys = [self.keys(row, self.all_seeds[0]) for row in taught]
        learnt = [each["train_split"] for each in keys if "train_split" in each]
        if is_world(data) or not commands(data, learnt, ()):
            return
        if needed := commands(data, learnt, describe(Path(data)).splits):
            lines = "\n  ".join(needed)
            raise ValueError(
                f"table {self.name} learns from few of the masks, and these are not chosen yet:\n  {lines}"
            )

    def wanted(self) -> list[str]:
        """The rows asked for, behind those that they need."""
        found: list[str] = []
        for row in self.rows or self.content["rows"]:
            found += sorted(self.before(row), key=lambda source: len(self.before(source)))
            found.append(row)
        return list(dict.fromkeys(found))

    def cells(self) -> Iterator[tuple[str, int]]:
        """All (row, seed) of the seeds asked for, seed by seed, and the rows that teach them.

        Rows that teach others, or are named in `once`, have the table's first seed alone.
        """
        yield from (cell for cell in self.every_cell() if cell[0] in self.teachers or cell[1] in self.all_seeds)

    def every_cell(self) -> Iterator[tuple[str, int]]:
        """All (row, seed) of the table, and of seeds asked for that are not among its own."""
        once = self.teachers | set(self.content.get("once", ()))
        for seed in dict.fromkeys((*self.content["seeds"], *self.all_seeds)):
            for row in self.content["rows"]:
                if seed == self.first_seed or row not in once:
                    yield row, seed

    @property
    def all_seeds(self) -> tuple[int, ...]:
        return self.seeds or tuple(self.content["seeds"])

    @property
    def first_seed(self) -> int:
        """That of rows with one seed alone, whichever seeds were asked for."""
        return int(self.content["seeds"][0])

    @property
    def teachers(self) -> set[str]:
        return {teacher for row in self.content["rows"] if (teacher := self.recipe(row).teacher)}

    def recipe(self, row: str) -> Recipe:
        return Recipe.read(self.content["rows"][row])

    def before(self, row: str) -> set[str]:
        """All rows that this one cannot do without."""
        return {found for source in self.recipe(row).sources for found in (source, *self.before(source))}

    def sources(self, row: str, seed: int) -> list[tuple[str, int]]:
        """The runs that must be finished before this one."""
        return [(source, self.seed_of(source, seed)) for source in self.recipe(row).sources]

    def seed_of(self, source: str, seed: int) -> int:
        """The seed of another row's run that one of this seed needs: rows that teach have the table's first alone."""
        return self.first_seed if source in self.teachers else seed

    def folder(self, row: str, seed: int) -> Path:
        return self.runs / f"{row}-{seed}"

    def trained(self, row: str, seed: int) -> Path:
        """The run that trained the model of this one."""
        source = self.recipe(row).model_of
        return self.folder(row, seed) if source is None else self.folder(source, self.seed_of(source, seed))

    def model(self, row: str, seed: int) -> Path:
        return self.trained(row, seed) / "last"

    def seer(self, row: str, seed: int) -> Path:
        """What looks at images: a model, or the experiment or run of a method that makes masks from tags."""
        recipe = self.recipe(row)
        if not recipe.maps:
            return self.model(row, seed)
        return self.runs / f"{row}-{seed}.yaml" if recipe.model_of is None else self.trained(row, seed)

    def keys(self, row: str, seed: int) -> dict[str, Any]:
        """The experiment of one run; `{seed}` in the name of its split is its seed."""
        recipe = self.recipe(row)
        keys = {**self.content["shared"], **recipe.experiment, **self.overrides, "seed": seed}
        if "light" in self.overrides and "light" not in known_keys(methods.load(keys["method"]).Config):
            keys["data"] = keys.pop("light")  # a method that sees no pairs learns in the light
        if recipe.teacher:
            keys["teacher"] = str(self.model(recipe.teacher, self.first_seed))
        if recipe.labels_of:
            keys["data"] = str(self.labels(row, seed))
        return {
            key: value.replace("{seed}", str(seed)) if key == "train_split" else value for key, value in keys.items()
        }

    def look(self, row: str, seed: int) -> tuple[str, ...]:
        """How a row looks at images, as words for `seglet evaluate`."""
        bright = ("--brighten", str(self.enhancer(row, seed))) if self.recipe(row).zero_dce else ()
        return (*self.size, *self.recipe(row).look, *bright)

    def enhancer(self, row: str, seed: int) -> Path:
        """The Zero-DCE that was trained for a row."""
        return self.runs / f"{row}-{seed}-enhancer" / "zero-dce"

    def labels(self, row: str, seed: int) -> Path:
        """The images and pseudo labels that a row is trained on."""
        return self.runs / f"{row}-{seed}-labels"

    def run(self, row: str, seed: int, sources: Sequence["Future[None]"] = ()) -> None:
        """Trains and scores one row on one seed, once what it needs is there, unless that was done before."""
        for source in sources:
            source.result()
        if not (self.folder(row, seed) / "scores.json").exists():
            self.run_once(row, seed)
        for stops in self.stops:
            self.score_stopped_down(row, seed, stops)

    def run_once(self, row: str, seed: int) -> None:
        """Trains one row on one seed and scores it as the paper does."""
        folder, recipe = self.folder(row, seed), self.recipe(row)
        scores, known = folder / "scores.json", folder / "known-tags.json"
        if recipe.labels_of:
            self.label(row, seed)
        if recipe.maps:
            self.score_maps(row, seed)
            return
        if recipe.model_of is None:
            self.train(row, seed)
        if recipe.zero_dce:
            learnt = self.data({**self.content["shared"], **self.overrides}.get("world_scenes", 0), recipe)[1]
            out = self.enhancer(row, seed).parent
            words = ("--method", "zero-dce", "--train-data", learnt, "--seed", seed, "--device", "cpu")
            self.call(out, "enhance", *words, "--out", out)
        model, look = self.model(row, seed), self.look(row, seed)
        data = self.data(self.scored, recipe)
        if recipe.known_tags:
            self.call(folder, "evaluate", model, *data, "--split", "train", "--known-tags", *look, "--out", known)
        self.call(folder, "evaluate", model, *data, "--split", self.content["score_on"], *look, "--out", scores)

    @property
    def stops(self) -> list[int]:
        """Stops of light that are taken from images of the day to score rows once more for each; mostly none."""
        return list(self.content.get("stops", ()))

    def stops_file(self, row: str, seed: int, stops: int) -> Path:
        """The scores of a row with so many stops of light less."""
        return self.folder(row, seed) / f"stops-{stops}.json"

    def score_stopped_down(self, row: str, seed: int, stops: int) -> None:
        out = self.stops_file(row, seed, stops)
        if not out.exists():
            where = (*self.data(self.scored), "--split", self.content["score_on"], "--darken", stops)
            look = self.look(row, seed)
            self.call(self.folder(row, seed), "evaluate", self.model(row, seed), *where, *look, "--out", out)

    def score_maps(self, row: str, seed: int) -> None:
        """Scores masks made from tags, of a method as it is or as another row has trained it."""
        from seglet.engine.run import commit, versions
        from seglet.files import write_json, write_text

        folder, recipe = self.folder(row, seed), self.recipe(row)
        way = self.seer(row, seed)
        if recipe.model_of is None:
            write_text(way, json.dumps(self.keys(row, seed), indent=2))  # JSON is YAML
            write_json(folder / "record.json", {"commit": commit(), "versions": versions(), "data": None})
            self.call(folder, "prepare", way)
        where = (*self.data(self.scored, recipe), "--split", self.content["score_on"], *self.size, "--batch", 8)
        self.call(folder, "evaluate", "--method", way, *where, *recipe.look, "--out", folder / "scores.json")

    def label(self, row: str, seed: int) -> None:
        """Makes the images and pseudo labels that a row is trained on, unless they are there."""
        from seglet.files import read_json

        out, recipe = self.labels(row, seed), self.recipe(row)
        record = out / "predictions.json"
        if recipe.labels_of is None or (record.is_file() and read_json(record)["finished"]):
            return
        scenes = {**self.content["shared"], **self.overrides}.get("world_scenes", 0)
        words = (*self.data(scenes, recipe), "--split", "train", *self.size, *recipe.labels)
        score_on = ("--score-on", self.data(200, recipe)[1])
        model = self.model(recipe.labels_of, seed)
        self.call(out, "predict", model, "--pseudo-labels", *words, *score_on, "--out", out, "--overwrite")

    def train(self, row: str, seed: int) -> None:
        """Columns that the method reads are computed before, as far as they are not there."""
        folder, keys = self.folder(row, seed), self.keys(row, seed)
        words = [word for key, value in keys.items() if key != "method" for word in (f"--{key}", *_words(value))]
        if methods.load(keys["method"]).Method.columns:
            self.call(folder, "prepare", keys["method"], *words)
        begun = any((folder / "checkpoints").glob("step-*"))
        self.call(folder, "train", keys["method"], "--out", folder, "--resume" if begun else "--overwrite", *words)

    def data(self, scenes: int, recipe: Recipe | None = None) -> tuple[str, str]:
        """What rows are scored on, or one row with options or a size of its own, as words; `scenes` of the world.

        Of real images with partners in the `light`, rows with options are scored in the dark, others in the light.
        """
        own, options = (recipe.experiment, recipe.world) if recipe else ({}, "")
        keys = {**self.content["shared"], **own, **self.overrides}
        name, _, knobs = str({**self.content["shared"], **self.overrides}["data"]).partition(":")
        if name != "world":
            return "--data", str(keys["data"] if options else keys.get("light", keys["data"]))
        parts = (f"scenes={scenes}", f"size={keys.get('world_size')}", knobs, options)
        return "--data", f"world:{','.join(filter(None, parts))}"

    @property
    def scored(self) -> int:
        """How many scenes of the world rows are scored on."""
        return int(self.content.get("scored_scenes", 500))

    @property
    def size(self) -> tuple[str, str]:
        """At which fraction of their size images are seen, as words."""
        return "--resize", str({**self.content["shared"], **self.overrides}.get("resize", 1.0))

    def call(self, folder: Path, *words: Any) -> None:
        """One seglet command, on OMP_NUM_THREADS or its share of the cores; its output goes to a log beside the folder.

        Raises:
            ValueError: it failed; the end of the log is shown.
        """
        threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 1) // self.jobs))
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

    def draw(self, file: Path) -> list[str]:
        """Draws images of the scored split as the finished rows of the first seed see them; names the rows."""
        from seglet.data.dataset import open_dataset
        from seglet.results.gallery import Look, compare

        cells = [(row, self.seed_of(row, self.all_seeds[0])) for row in self.wanted()]
        looks, split = {}, self.content["score_on"]
        for row, seed in cells:
            if not (self.folder(row, seed) / "scores.json").exists():
                continue
            recipe = self.recipe(row)
            own = recipe.world or "world_size" in recipe.experiment
            data = open_dataset(self.data(self.scored, recipe)[1], split) if own else None
            looks[row] = Look.at(self.seer(row, seed), self.look(row, seed), data)
        return compare(looks, open_dataset(self.data(self.scored)[1], split), file)

    def write(self) -> dict[str, Any]:
        """The results so far, in `file`."""
        from seglet.results.collect import write

        return write(self)


def _words(value: Any) -> list[str]:
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return ["none" if value is None else str(value)]


PLACES = {"data": "DIR", "light": "LIGHT"}
"""Keys that name a place of somebody's, and what is written instead."""


def shown(overrides: Mapping[str, Any]) -> list[str]:
    """The overrides as words, without the place of anybody's data."""
    return [
        word
        for key, value in overrides.items()
        for word in (f"--{key}", *([PLACES[key]] if key in PLACES else _words(value)))
    ]
