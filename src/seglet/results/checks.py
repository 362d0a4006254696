"""Checks of a whole table before its first run, some of which would fail only after days of training."""

from pathlib import Path

from seglet.data.folder_dataset import describe_data
from seglet.data.opening import names_world
from seglet.data.shards.file_rows import split_sizes
from seglet.engine.experiment import resolve_experiment
from seglet.engine.experiment_file import read_yaml
from seglet.engine.preconditions import check_hardware
from seglet.engine.run import Run, changed_keys
from seglet.engine.settings import PLACES_OF_DATA
from seglet.files import read_json
from seglet.results.experiments import backbone_name, check_splits, experiment_keys, scored_data
from seglet.results.plan import Cell, TablePlan
from seglet.stores.mirror import local_folder


def check_table(plan: TablePlan) -> None:
    """Checks that every wanted row has a sound experiment, its data, its initial weights and the devices it needs, and
    that rows which are finished were trained and scored as the table says now.

    Raises:
        ValueError: something is missing or wrong; the message says what to do.
    """
    check_splits(plan)
    _check_scored_split(plan)
    for name in plan.wanted_rows():
        if plan.definition.rows[name].borrows is None:
            cell = Cell(name, plan.all_seeds[0])
            check_hardware(resolve_experiment(None, experiment_keys(plan, cell)).settings)
            _check_initial_weights(plan, cell)
    for cell in plan.wanted_cells():
        if plan.folders.scores(cell).exists() and (changes := _changes_since(plan, cell)):
            raise ValueError(
                f"{plan.folders.run(cell)} is finished, but not as this table is now:\n  "
                + "\n  ".join(changes)
                + "\ndelete that folder to have it done again, or take another folder for the runs"
            )


def _changes_since(plan: TablePlan, cell: Cell) -> list[str]:
    """Returns a line for each difference that matters between how a finished cell was made and how it would be now."""
    run, row = Run(plan.folders.run(cell)), plan.row(cell)
    split = read_json(plan.folders.scores(cell)).get("split", plan.scored_split)
    found = [] if split == plan.scored_split else [f"split to score on: was {split!r}, now {plan.scored_split!r}"]
    if row.borrows or row.maps or not run.experiment.exists():
        return found
    now = resolve_experiment(None, experiment_keys(plan, cell))
    given = {"teacher": row.teacher, "student_weights": row.start, "kd_weight": row.matched_to, "data": row.labels_of}
    derived = {key for key, source in given.items() if source}  # from other rows, whose folders may have moved
    before = {**now.default_values(), **read_yaml(run.experiment)}
    kept = {key: value for key, value in now.values().items() if key not in derived}
    return found + changed_keys({key: before.get(key) for key in kept}, kept, PLACES_OF_DATA)


def _check_scored_split(plan: TablePlan) -> None:
    data, split = scored_data(plan), plan.scored_split
    if names_world(data) or not plan.definition.needs_data or "/" in split:  # official lists are not in the folder
        return
    if split not in (there := split_sizes(data) or describe_data(local_folder(data)).splits):
        raise ValueError(
            f"table {plan.definition.name} scores its rows on {split!r}, which {data} does not have; it has "
            f"{', '.join(there)}: give --score-on SPLIT"
        )


def _check_initial_weights(plan: TablePlan, cell: Cell) -> None:
    keys = experiment_keys(plan, cell)
    folder = keys.get("student_weights")
    if not plan.definition.weights_of or folder in (None, "none") or Path(folder).exists():
        return
    raise ValueError(
        f"row {cell.row} of table {plan.definition.name} starts from the weights in {folder}, which are not there; "
        f"convert the published file (seglet convert FILE --architecture deeplabv3-{backbone_name(keys)} --classes "
        f"cityscapes --input cirkd --out {folder}), give --student_weights DIR, or --student_weights none for chance"
    )
