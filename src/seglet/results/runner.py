"""Fills a results table: trains and scores its cells in processes of their own, several at a time.

A finished cell is never repeated and an interrupted run is resumed, so a table can be stopped and started at will.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

from seglet import methods
from seglet.engine.console import print_message
from seglet.files import read_json
from seglet.results.checks import check_table
from seglet.results.collect import write_results
from seglet.results.definition import WorldDepth
from seglet.results.experiments import (
    LABEL_SCENES,
    data_name,
    experiment_keys,
    resize_fraction,
    scored_data,
    scoring_options,
    training_data_name,
    training_keys,
)
from seglet.results.plan import Cell, TablePlan
from seglet.results.tasks import (
    PSEUDO_LABEL_RECORD,
    AdaptTask,
    EnhancerTask,
    EvaluateTask,
    PrepareTask,
    PseudoLabelTask,
    Task,
    TrainTask,
    WorldDepthTask,
    task_name,
    task_to_json,
)
from seglet.results.thinning import THINNING_RECORD, ThinTask

MAPS_BATCH = 8
"""Images that a method makes masks of at once."""
_POLL_SECONDS = 0.2


def fill_table(plan: TablePlan, jobs: int = 1) -> dict[str, Any]:
    """Trains and scores what is missing, `jobs` cells at a time, and returns the results.

    The results so far are written after every cell.

    Raises:
        ValueError: a task failed, or a row cannot be trained or scored here.
    """
    check_table(plan)
    threads = max(1, (os.cpu_count() or 1) // jobs)
    begun: dict[Cell, Future[None]] = {}
    stop = threading.Event()
    with ThreadPoolExecutor(jobs) as pool:
        for cell in plan.wanted_cells():
            sources = [begun[source] for source in plan.sources(cell)]
            begun[cell] = pool.submit(_run_cell, plan, cell, sources, threads, stop)
        try:
            for finished in as_completed(begun.values()):
                finished.result()
                write_results(plan)
        except BaseException as error:  # a failed task: what runs may end, nothing new begins
            if isinstance(error, KeyboardInterrupt):
                stop.set()  # Ctrl-C or SIGTERM: what runs is stopped, and saves
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return write_results(plan)


def default_jobs(plan: TablePlan) -> int:
    """Returns how many cells to run at a time: one for each processor, or one alone where a run takes the devices."""
    import torch

    devices = int(plan.common_keys.get("devices", 1))
    return 1 if devices > 1 or torch.cuda.is_available() else os.cpu_count() or 1


def _run_cell(
    plan: TablePlan, cell: Cell, sources: Sequence["Future[None]"], threads: int, stop: threading.Event
) -> None:
    """Runs the tasks of a cell, once the cells that it depends on are finished."""
    for source in sources:
        source.result()
    for task in pending_tasks(plan, cell):
        run_task(task, threads, stop)


def pending_tasks(plan: TablePlan, cell: Cell) -> list[Task]:
    """Lists what is left to do for a cell whose sources are finished; empty if all its scores are there."""
    tasks: list[Task] = []
    if not plan.folders.scores(cell).exists():
        tasks = _map_tasks(plan, cell) if plan.row(cell).maps else _model_tasks(plan, cell)
        tasks = [*_pseudo_label_tasks(plan, cell), *_thin_tasks(plan, cell), *tasks]
    further = [stops for stops in plan.definition.stops if stops != plan.definition.darken]
    missing = [stops for stops in further if not plan.folders.darkened(cell, stops).exists()]
    splits = [split for split in plan.definition.also_on if not plan.folders.split(cell, split).exists()]
    darker = [_darkened_task(plan, cell, stops) for stops in missing]
    return [*tasks, *darker, *(_split_task(plan, cell, split) for split in splits)]


def _pseudo_label_tasks(plan: TablePlan, cell: Cell) -> list[Task]:
    """Lists the task that makes the labels a cell is trained on; empty if there are none to make."""
    out, row = plan.folders.pseudo_labels(plan.labelling_cell(cell)), plan.row(cell)
    record = out / PSEUDO_LABEL_RECORD
    if row.labels_of is None or (record.is_file() and read_json(record)["finished"]):
        return []
    source = plan.source_cell(row.labels_of, cell.seed)
    model, method = str(plan.predictor_path(source)), plan.row(source).maps
    options = replace(row.pseudo_labels, resize=resize_fraction(plan, row))
    score_on = data_name(plan, LABEL_SCENES, row)
    return [PseudoLabelTask(str(out), model, training_data_name(plan, row), "train", score_on, options, method)]


def _thin_tasks(plan: TablePlan, cell: Cell) -> list[Task]:
    """Lists the task that simulates the labels a cell is trained on; empty if there are none to make."""
    row, folder = plan.row(cell), plan.folders.sparse_labels(cell)
    if row.sparse is None or (folder / THINNING_RECORD).is_file():
        return []
    keys = {**plan.definition.shared, **row.experiment, **plan.overrides}
    split, scenes = str(keys.get("train_split", "train")), int(keys.get("world_scenes", 0))
    data = training_data_name(plan, row)
    return [ThinTask(str(folder), data, split, row.sparse, cell.seed, scenes, LABEL_SCENES)]


def _map_tasks(plan: TablePlan, cell: Cell) -> list[Task]:
    """Lists the tasks that score masks made from tags, of a method as it is or as another row has trained it."""
    folder, row, predictor = plan.folders.run(cell), plan.row(cell), plan.predictor_path(cell)
    options = scoring_options(plan, cell)
    out = str(plan.folders.scores(cell))
    score = EvaluateTask(
        str(folder), str(predictor), scored_data(plan, row), plan.scored_split, out, options,
        method=True, batch=MAPS_BATCH,
    )  # fmt: skip
    if row.model_of is not None:
        return [score]
    return [PrepareTask(str(folder), experiment_keys(plan, cell), str(predictor)), score]


def _model_tasks(plan: TablePlan, cell: Cell) -> list[Task]:
    """Lists the tasks that train a model, unless it is that of another row, and score it."""
    folder, row = str(plan.folders.run(cell)), plan.row(cell)
    tasks: list[Task] = []
    if row.adapts is not None:
        tasks.append(_adapt_task(plan, cell))
    elif row.model_of is None:
        keys = training_keys(plan, cell)
        if row.world_depth:
            tasks.append(_depth_task(plan, row.world_depth))
        if methods.load_method(keys["method"]).Method.columns:
            tasks.append(PrepareTask(folder, keys))
        tasks.append(TrainTask(folder, keys))
    if row.zero_dce:
        enhancer = str(plan.folders.enhancer(cell))
        tasks.append(EnhancerTask(enhancer, training_data_name(plan, row), cell.seed))
    data, options, model = scored_data(plan, row), scoring_options(plan, cell), str(plan.model_folder(cell))
    if row.known_tags:
        out = str(plan.folders.known_tags(cell))
        tasks.append(EvaluateTask(folder, model, data, plan.definition.known_tags_on, out, options, known_tags=True))
    out = str(plan.folders.scores(cell))
    stops = plan.definition.darken
    return [*tasks, EvaluateTask(folder, model, data, plan.scored_split, out, options, stops=stops)]


def _depth_task(plan: TablePlan, kind: WorldDepth) -> Task:
    """Returns the task that writes the depth of the scenes that rows are trained, validated and scored on."""
    keys, options = plan.common_keys, {name: plan.common_keys[name] for name in ("data", "world_size")}
    scenes = int(keys.get("world_scenes", 0))
    splits = {"train": scenes, "val": scenes, plan.scored_split: plan.definition.scored_scenes}
    return WorldDepthTask(str(plan.folders.depth_maps(kind)), str(options["data"]), options["world_size"], splits, kind)


def _adapt_task(plan: TablePlan, cell: Cell) -> Task:
    """Returns the task that adapts the model of another row to training images as dark as those it is scored on."""
    row = plan.row(cell)
    assert row.adapts is not None
    model = str(plan.model_folder(plan.source_cell(row.adapts, cell.seed)))
    options = {**row.adaptation, "resize": resize_fraction(plan, row), "seed": cell.seed}
    data = training_data_name(plan, row)
    return AdaptTask(str(plan.folders.run(cell)), model, data, options, plan.definition.darken)


def _darkened_task(plan: TablePlan, cell: Cell, stops: int) -> Task:
    """Returns the task that scores a cell on light images with so many stops of light taken away."""
    folder, model = str(plan.folders.run(cell)), str(plan.model_folder(cell))
    out, options = str(plan.folders.darkened(cell, stops)), scoring_options(plan, cell)
    return EvaluateTask(folder, model, scored_data(plan), plan.scored_split, out, options, stops=stops)


def _split_task(plan: TablePlan, cell: Cell, split: str) -> Task:
    """Returns the task that scores a cell on another split, as its images are."""
    folder, model, row = str(plan.folders.run(cell)), str(plan.model_folder(cell)), plan.row(cell)
    out, options = str(plan.folders.split(cell, split)), scoring_options(plan, cell)
    return EvaluateTask(folder, model, scored_data(plan, row), split, out, options)


def run_task(task: Task, threads: int, stop: threading.Event) -> None:
    """Runs a task in a process of its own, on OMP_NUM_THREADS threads if that is set, else on `threads`.

    The output goes to a log beside the task's folder. The task is asked to stop when `stop` is set, and stops by itself
    when this process dies, which it sees at the end of its input.

    Raises:
        ValueError: the task failed; the message has the end of the log.
    """
    folder, name = Path(task.folder), task_name(task)
    devices = int(task.keys.get("devices", 1)) if isinstance(task, TrainTask) else 1
    limit = os.environ.get("OMP_NUM_THREADS") or str(max(1, threads // devices))
    environment = {**os.environ, "OMP_NUM_THREADS": limit, "MKL_NUM_THREADS": limit}
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.parent / f"{folder.name}.log"
    given = json.dumps({"argv": sys.argv, "task": task_to_json(task)})
    with log.open("a", encoding="utf-8") as file:
        command = [sys.executable, "-m", "seglet.results.worker"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, text=True, stdout=file, stderr=file, env=environment
        ) as process:
            code = _wait(process, given, stop)
    if code:
        tail = "\n  ".join(log.read_text(encoding="utf-8").splitlines()[-5:])
        raise ValueError(f"task {name!r} failed in {folder}; {log} ends:\n  {tail}")
    print_message(f"{folder.name}: {name} done")


def _wait(process: "subprocess.Popen[str]", given: str, stop: threading.Event) -> int:
    """Hands a task to its process, waits for the end and returns the exit code; the input stays open until then."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it died at once: the code says so
        process.stdin.write(given + "\n")
        process.stdin.flush()
    asked = False
    while True:
        try:
            return process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if stop.is_set() and not asked:
                process.terminate()
                asked = True
