"""Settings of a table's cells: the experiment that each is trained as, and the data and options it is scored with."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from seglet import methods
from seglet.data.folder_dataset import describe_data
from seglet.data.loading.dark_light_pairs import BRIGHTENED, SELF
from seglet.data.opening import names_world
from seglet.data.shards.file_rows import split_sizes
from seglet.data.splits.fractions import split_commands
from seglet.engine.experiment import known_keys
from seglet.engine.settings import Settings
from seglet.inference.options import InferenceOptions
from seglet.models.student import StudentConfig
from seglet.results.definition import TableRow
from seglet.results.plan import Cell, TablePlan
from seglet.results.thinning import THINNED
from seglet.stores.mirror import local_folder
from seglet.values import build_config

LOGGED_WEIGHT = "train/weight_effective"
"""The value in a run's metrics that says which λ of plain distillation pulls as much."""
LABEL_SCENES = 200
"""Scenes of the embedded world that are put beside pseudo labels to validate on."""


def experiment_keys(plan: TablePlan, cell: Cell) -> dict[str, Any]:
    """Returns the keys of the cell's experiment; `{seed}` in the name of its training split becomes the seed, and
    `{data}` in the place of its captions the folder of the data."""
    row = plan.row(cell)
    keys = {**plan.definition.shared, **row.experiment, **plan.overrides, "seed": cell.seed}
    if "light" in plan.overrides and "light" not in known_keys(methods.load_method(keys["method"]).Config):
        keys["data"] = keys.pop("light")  # a method that does not take pairs is trained on the light images
    if row.teacher:
        keys["teacher"] = str(plan.model_folder(plan.source_cell(row.teacher, cell.seed)))
    if row.start:
        keys["student_weights"] = str(plan.model_folder(plan.source_cell(row.start, cell.seed)))
    if plan.definition.weights_of and backbone_name(keys) != plan.definition.weights_of:
        keys.pop("student_weights", None)
    if row.labels_of:
        keys["data"] = str(plan.folders.pseudo_labels(plan.labelling_cell(cell)))
    if row.sparse:
        keys["data"] = str(plan.folders.sparse_labels(cell) / THINNED)
    if row.world_depth:
        keys["depth_files"] = str(plan.folders.depth_maps(row.world_depth))
    if "train_split" in keys:
        keys["train_split"] = keys["train_split"].replace("{seed}", str(cell.seed))
    if isinstance(keys.get("captions"), str):
        keys["captions"] = keys["captions"].replace("{data}", str(keys.get("data", "")))
    return keys


def training_keys(plan: TablePlan, cell: Cell) -> dict[str, Any]:
    """Returns the keys of the cell's experiment as it is trained, once the rows that it needs are finished."""
    matched = {"kd_weight": matched_weight(plan, cell)} if plan.row(cell).matched_to else {}
    return {**experiment_keys(plan, cell), **matched}


def matched_weight(plan: TablePlan, cell: Cell) -> float:
    """Returns the `kd_weight` of a cell that is matched to another row, to three decimals.

    Raises:
        ValueError: the other row's run logged no weight.
    """
    source = plan.row(cell).matched_to
    assert source is not None
    folder = plan.folders.run(plan.source_cell(source, cell.seed))
    weight = effective_weight(folder)
    if weight is None:
        raise ValueError(
            f"{cell.row} is matched to {source!r}, but {folder / 'metrics.jsonl'} has no {LOGGED_WEIGHT!r}; only runs "
            "whose distillation term is weighted log it"
        )
    return weight


def effective_weight(run: Path) -> float | None:
    """Returns the λ of plain distillation that pulls as much as the weighted term did, averaged over what a run has
    logged, to three decimals; None where none is logged."""
    file = run / "metrics.jsonl"
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines()) if file.exists() else ()
    logged = [line[LOGGED_WEIGHT] for line in lines if line.get(LOGGED_WEIGHT) is not None]
    return round(fmean(logged), 3) if logged else None


def backbone_name(keys: Mapping[str, Any]) -> str:
    """Returns the backbone of an experiment's student: `resnet18` of `pspnet-resnet18`."""
    return str(keys.get("student", StudentConfig.student)).partition("-")[2]


def scored_data(plan: TablePlan, row: TableRow | None = None) -> str:
    """Returns the name of the data that the table is scored on, or one `row` with options or a size of its own."""
    return data_name(plan, plan.definition.scored_scenes, row)


def training_data_name(plan: TablePlan, row: TableRow) -> str:
    """Returns the name of the data that a row's images to label or to brighten come from."""
    return data_name(plan, int(plan.common_keys.get("world_scenes", 0)), row)


def data_name(plan: TablePlan, scenes: int, row: TableRow | None = None) -> str:
    """Returns the name of the table's data, or of one row's, with so many scenes if it is the embedded world.

    Of real images with partners in the `light`, rows with options are scored in the dark and others in the light.
    """
    own, options = (row.experiment, row.world) if row else ({}, "")
    keys = {**plan.definition.shared, **own, **plan.overrides}
    name, _, settings = str(plan.common_keys["data"]).partition(":")
    if name != "world":
        own_light = options or keys.get("light") in (None, "none", SELF, BRIGHTENED)
        return str(keys["data"] if own_light else keys["light"])
    parts = (f"scenes={scenes}", f"size={keys.get('world_size')}", settings, options)
    return f"world:{','.join(filter(None, parts))}"


def scoring_options(plan: TablePlan, cell: Cell) -> InferenceOptions:
    """Returns the inference options that the cell is scored with: its windows are those of its validations."""
    row = plan.row(cell)
    keys = {**plan.definition.shared, **row.experiment, **plan.overrides}
    options = replace(row.inference, resize=resize_fraction(plan, row))
    if options.window is None and keys.get("val_window") not in (None, "none"):
        validation = build_config(Settings, {key: keys[key] for key in ("val_window", "val_stride") if key in keys})
        options = replace(options, window=validation.val_window, stride=validation.val_stride)
    if row.world_depth:
        options = replace(options, depth=str(plan.folders.depth_maps(row.world_depth)))
    if not row.zero_dce:
        return options
    return replace(options, brighten=str(plan.folders.enhancer(cell) / "zero-dce"))


def resize_fraction(plan: TablePlan, row: TableRow) -> float:
    """Returns the fraction of their size at which a row segments images."""
    return float({"resize": 1.0, **plan.definition.shared, **row.experiment, **plan.overrides}["resize"])


def check_splits(plan: TablePlan) -> None:
    """Checks that real images have the splits that the rows are trained on.

    Raises:
        ValueError: some are missing; the message has the commands that make them.
    """
    data = str(plan.overrides.get("data", "world"))
    rows = [plan.definition.rows[name] for name in plan.wanted_rows()]
    trained = [
        name
        for name, row in zip(plan.wanted_rows(), rows, strict=True)
        if not (row.labels_of or row.borrows or row.sparse)
    ]
    keys = [experiment_keys(plan, Cell(name, plan.all_seeds[0])) for name in trained]
    splits = [each["train_split"] for each in keys if "train_split" in each]
    if names_world(data) or not split_commands(data, splits, ()):
        return
    if needed := split_commands(data, splits, split_sizes(data) or describe_data(local_folder(data)).splits):
        lines = "\n  ".join(needed)
        raise ValueError(
            f"table {plan.definition.name} learns from few of the masks, and these are not chosen yet:\n  {lines}"
        )
