"""Checks of a whole table before its first run, some of which would fail only after days of training."""

from pathlib import Path

from seglet.data.folder_dataset import describe_data
from seglet.data.opening import names_world
from seglet.engine.experiment import resolve_experiment
from seglet.engine.preconditions import check_hardware
from seglet.results.experiments import backbone_name, check_splits, experiment_keys, scored_data
from seglet.results.plan import Cell, TablePlan


def check_table(plan: TablePlan) -> None:
    """Checks that every wanted row has a sound experiment, its data, its initial weights and the devices it needs.

    Raises:
        ValueError: something is missing or wrong; the message says what to do.
    """
    check_splits(plan)
    _check_scored_split(plan)
    for name in plan.wanted_rows():
        if plan.definition.rows[name].model_of is None:
            cell = Cell(name, plan.all_seeds[0])
            check_hardware(resolve_experiment(None, experiment_keys(plan, cell)).settings)
            _check_initial_weights(plan, cell)


def _check_scored_split(plan: TablePlan) -> None:
    data, split = scored_data(plan), plan.scored_split
    if names_world(data) or not plan.definition.needs_data or "/" in split:  # official lists are not in the folder
        return
    if split not in (there := describe_data(Path(data)).splits):
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
