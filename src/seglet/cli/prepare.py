"""`seglet prepare`: everything about the offline columns of an experiment."""

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet.cli.output import print_result
from seglet.cli.parsing import add_device, add_json, whole_number
from seglet.engine.console import print_message

if TYPE_CHECKING:
    import torch

    from seglet.data.columns.store import ColumnStore
    from seglet.data.dataset import Dataset
    from seglet.engine.artefacts import StoredArtefact
    from seglet.engine.columns import OfflineColumn
    from seglet.engine.experiment import Experiment
    from seglet.engine.prepare import ColumnOutcome, PrepareOptions

    Part = tuple[Dataset, list[OfflineColumn]]

_DESCRIPTION = """\
Compute the offline columns of a method, once for each image: depth, captions, attention. Columns are kept beside the
data, or in the folder --columns, under a name made from their weights and settings, so that a column made otherwise is
never used by mistake. Give the same keys as to `seglet train`:
  seglet prepare EXPERIMENT --dry-run          list what is missing, and its cost
  seglet prepare EXPERIMENT                    compute it; the same command goes on after an interruption
  seglet prepare EXPERIMENT --audit page.html  draw some values
  seglet prepare EXPERIMENT --list             list all columns there, how they were made and their size
  seglet prepare EXPERIMENT --clean            delete columns that the experiment does not use any more
Several devices: torchrun --nproc-per-node 4 -m seglet prepare EXPERIMENT. Failed images are listed at the end."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("config", metavar="EXPERIMENT", help="experiment file (YAML), FILE#ROW or a method's name")
    parser.add_argument("--dry-run", action="store_true", help="measure one batch and stop; with --clean, only list")
    parser.add_argument("--batch", type=whole_number(1, 100_000), default=8, help="images computed at once (default 8)")
    add_device(parser)
    actions = parser.add_mutually_exclusive_group()
    actions.add_argument(
        "--audit", type=Path, metavar="FILE|DIR", help="draw values: a .html page, a .png sheet, or a folder for both"
    )
    actions.add_argument("--list", action="store_true", help="list the columns that are there, and stop")
    actions.add_argument(
        "--clean",
        action="store_true",
        help="delete columns of the same names that were made with other weights or settings",
    )
    parser.add_argument("--count", type=whole_number(1, 1000), default=24, help="images of an audit (default 24)")
    add_json(parser)


def run(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seglet.cli.options.experiment import read_experiment
    from seglet.engine.artefacts import needed_artefacts
    from seglet.engine.columns import datasets_with_columns

    experiment = read_experiment(arguments.config, rest)
    parts = datasets_with_columns(experiment)
    data, columns = parts[0]
    if arguments.list:
        return _list_columns(experiment, columns, arguments.json)
    artefacts = needed_artefacts(experiment, data)
    if not columns and not artefacts:
        print_result(
            f"{experiment.method} asks for no columns: there is nothing to prepare", {"columns": []}, arguments.json
        )
        return 0
    if arguments.clean:
        return _delete_stale(columns, arguments.dry_run, arguments.json)
    if arguments.audit:
        return _write_audit(data, columns, arguments)
    made = _make_artefacts(data, artefacts, arguments)
    if columns:
        return _compute_columns(experiment, parts, arguments, made)
    missing = ", ".join(each.artefact.name for each in artefacts if not each.exists)
    text = f"missing: {missing}" if missing else f"complete; next: {_train_command(experiment)}"
    print_result(text, {"columns": [], "once": made}, arguments.json)
    return 0


def _compute_columns(
    experiment: "Experiment", parts: "Sequence[Part]", arguments: argparse.Namespace, once: list[dict[str, str]]
) -> int:
    from seglet.engine.prepare import PrepareOptions, prepare_columns

    rank, world = process_share(os.environ)
    work = PrepareOptions(_choose_device(arguments.device), arguments.batch, rank, world, arguments.dry_run)
    note = print_message if rank == 0 else lambda text: None
    outcomes = [outcome for data, wanted in parts for outcome in prepare_columns(data, wanted, work, note)]
    content = {
        "columns": [
            {"name": one.name, "images": one.images, "made": one.made, "failed": one.failed} for one in outcomes
        ],
        **({"once": once} if once else {}),
        "folder": str(parts[0][1][0].store.root),
        "rank": rank,
        "world": world,
    }
    failed = any(one.failed for one in outcomes)
    if rank == 0 or failed:
        print_result(_summary(experiment, parts, outcomes, work), content, arguments.json)
    return 2 if failed else 0


def _make_artefacts(
    data: "Dataset", wanted: "Sequence[StoredArtefact]", arguments: argparse.Namespace
) -> list[dict[str, str]]:
    """Makes the artefacts in the first of several processes; returns names and folders for JSON."""
    from seglet.engine.artefacts import make_artefact

    if not process_share(os.environ)[0] and not arguments.dry_run:
        for kept in wanted:
            if kept.exists:
                print_message(f"{kept.artefact.name}: is in {kept.folder}")
            else:
                make_artefact(kept, data, _choose_device(arguments.device), print_message)
    return [{"name": kept.artefact.name, "folder": str(kept.folder), "there": str(kept.exists)} for kept in wanted]


def _summary(
    experiment: "Experiment", parts: "Sequence[Part]", outcomes: "Sequence[ColumnOutcome]", work: "PrepareOptions"
) -> str:
    """Returns the results, every failed image, and the next command."""
    from seglet.data.columns.columned_dataset import ColumnedDataset

    lines = [] if work.dry else [f"{one.name}: made {one.made} of {one.images} images" for one in outcomes]
    for one in outcomes:
        if one.failed:
            lines.append(f"{one.name}: {len(one.failed)} images failed:")
            lines += [f"  {name}\n    {reason}" for name, reason in one.failed.items()]
    missing: Counter[str] = Counter()
    for data, wanted in parts:
        missing.update(ColumnedDataset(data, [column.store for column in wanted]).missing())
    if not missing:
        return "\n".join([*lines, f"complete; next: {_train_command(experiment)}"])
    left = ", ".join(f"{name!r} of {count} images" for name, count in missing.items())
    return "\n".join(
        [*lines, f"missing: {left}" + (", which other processes may be computing" if work.world > 1 else "")]
    )


def _train_command(experiment: "Experiment") -> str:
    from seglet.engine.columns import prepare_command

    return prepare_command(experiment).replace("seglet prepare", "seglet train", 1)


def process_share(environment: "os._Environ[str] | dict[str, str]") -> tuple[int, int]:
    """Returns the number of this process and the number of all, from torchrun's variables.

    Raises:
        ValueError: the variables contradict each other.
    """
    rank, world = environment.get("RANK", "0"), environment.get("WORLD_SIZE", "1")
    if all(word.isascii() and word.isdigit() for word in (rank, world)) and int(rank) < int(world):
        return int(rank), int(world)
    raise ValueError(f"RANK is {rank!r} and WORLD_SIZE {world!r}; unset both, or start with torchrun")


def _choose_device(name: str) -> "torch.device":
    """Returns the device; each of several processes on a machine takes a GPU of its own, as far as there are some."""
    import torch

    from seglet.inference.models import choose_device

    if name == "auto" and torch.cuda.is_available():
        name = f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"
    return choose_device(name)


def _list_columns(experiment: "Experiment", wanted: "Sequence[OfflineColumn]", as_json: bool) -> int:
    from seglet.data.columns.store import stored_columns
    from seglet.engine.columns import columns_folder

    root = columns_folder(experiment.settings)
    needed = {column.store.folder: column for column in wanted}
    lines, content = [], []
    for store in stored_columns(root):
        use = "needed" if store.folder in needed else _column_use(store, wanted)
        text, entry = _describe_column(store, use)
        lines.append(text)
        content.append(entry)
    absent = [column.name for column in wanted if not column.store.folder.is_dir()]
    lines += [f"{name}: not there yet" for name in absent]
    text = "\n".join([f"in {root}:", *(lines or ["nothing"])])
    print_result(text, {"folder": str(root), "columns": content, "absent": absent}, as_json)
    return 0


def _column_use(store: "ColumnStore", wanted: "Sequence[OfflineColumn]") -> str:
    for column in wanted:
        if column.name == store.recipe.name:
            return f"made otherwise: {', '.join(column.store.recipe.differences(store.recipe))}"
    return "not of this experiment"


def _describe_column(store: "ColumnStore", use: str) -> tuple[str, dict[str, Any]]:
    """Returns a column as text, and as plain values for JSON."""
    from seglet.engine.prepare import format_bytes

    contents, size = store.contents(), store.bytes()
    recipe = store.recipe
    settings = ", ".join(f"{key} {value}" for key, value in recipe.settings.items()) or "no settings"
    damage = f", {len(contents.damaged)} damaged files" if contents.damaged else ""
    text = (
        f"{recipe.name} {recipe.key}: {len(contents.locations)} images, {format_bytes(size)}{damage} ({use})\n"
        f"  {recipe.kind} by {recipe.maker}, weights {recipe.identity or 'none'}, {settings}"
    )
    entry = {**recipe.as_dict(), "key": recipe.key, "images": len(contents.locations), "bytes": size, "use": use}
    return text, entry


def _delete_stale(wanted: "Sequence[OfflineColumn]", dry: bool, as_json: bool) -> int:
    from seglet.engine.columns import columns_made_otherwise
    from seglet.engine.prepare import format_bytes
    from seglet.files import delete_path

    stale = {store.folder: store for column in wanted for store in columns_made_otherwise(column.store)}
    lines, total = [], 0
    for place, store in stale.items():
        text, entry = _describe_column(store, _column_use(store, wanted))
        lines.append(f"{'would delete' if dry else 'deleted'} {text}")
        total += entry["bytes"]
        if not dry:
            delete_path(place)
            if place.exists():
                raise ValueError(f"cannot delete {str(place)!r}; check its permissions")
    text = (
        "\n".join([*lines, f"{len(stale)} columns, {format_bytes(total)}"]) if stale else "nothing was made otherwise"
    )
    print_result(text, {"deleted": [] if dry else [str(place) for place in stale], "bytes": total}, as_json)
    return 0


def _write_audit(data: "Dataset", wanted: "Sequence[OfflineColumn]", arguments: argparse.Namespace) -> int:
    from seglet.engine.output_folder import check_writable
    from seglet.report.column_audit import audit_files, write_audit

    files = audit_files(arguments.audit)
    for file in files:
        check_writable(file, "--audit")
    count = min(arguments.count, len(data))
    texts = write_audit(files, data, [column.store for column in wanted], count)
    names = ", ".join(map(str, files))
    text = "\n".join([f"{count} of {len(data)} images with their columns are in {names}", *texts])
    print_result(text, {"files": list(map(str, files)), "texts": texts}, arguments.json)
    return 0
