"""`seglet prepare`: everything about the offline columns of an experiment."""

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet.cli.options.actors import add_actor_options, read_actor_pool
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
    from seglet.engine.stored_folders import StoredFolder

    Part = tuple[Dataset, list[OfflineColumn]]

_DESCRIPTION = """\
Compute the offline columns of a method, once for each image: depth, captions, attention. Columns are kept beside the
data, or in the folder --columns, under a name made from their weights and settings, so that a column made otherwise is
never used by mistake. Give the same keys as to `seglet train`:
  seglet prepare EXPERIMENT --dry-run          list what is missing, and its cost
  seglet prepare EXPERIMENT                    compute it; the same command goes on after an interruption
  seglet prepare EXPERIMENT --audit page.html  draw some values
  seglet prepare EXPERIMENT --list             list all that is there, how it was made and its size
  seglet prepare EXPERIMENT --clean            delete what the experiment does not use any more
What a method computes once for its classes, such as DiCLIP's cache and the images drawn for it, is made, listed and
deleted with the columns.
Several devices: torchrun --nproc-per-node 4 -m seglet prepare EXPERIMENT; several machines: --engine ray.
Failed images are listed at the end."""


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
    actions.add_argument("--list", action="store_true", help="list what is there, and stop")
    actions.add_argument(
        "--clean",
        action="store_true",
        help="delete what has the same names but was made with other weights or settings",
    )
    parser.add_argument("--count", type=whole_number(1, 1000), default=24, help="images of an audit (default 24)")
    add_actor_options(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seglet.cli.options.experiment import read_experiment
    from seglet.engine.artefacts import needed_artefacts
    from seglet.engine.columns import datasets_with_columns
    from seglet.engine.preconditions import check_preparable

    read_actor_pool(arguments)  # before anything is read
    experiment = read_experiment(arguments.config, rest)
    parts = datasets_with_columns(experiment, fetch=not (arguments.list or arguments.clean or arguments.audit))
    data, columns = parts[0]
    artefacts = needed_artefacts(experiment, data)
    if arguments.list:
        return _list_stored(experiment, data, columns, artefacts, arguments.json)
    if not columns and not artefacts:
        print_result(
            f"{experiment.method} asks for no columns: there is nothing to prepare", {"columns": []}, arguments.json
        )
        return 0
    if arguments.clean:
        return _delete_stale(data, columns, artefacts, arguments)
    if arguments.audit:
        return _write_audit(data, columns, arguments)
    if artefacts:
        check_preparable(experiment, data)
    made = _make_artefacts(data, artefacts, arguments)
    if columns:
        return _compute_columns(experiment, parts, artefacts, arguments, made)
    missing = _missing_artefacts(artefacts)
    text = f"missing: {', '.join(missing)}" if missing else f"complete; next: {_train_command(experiment)}"
    print_result(text, {"columns": [], "once": made}, arguments.json)
    return 0


def _missing_artefacts(artefacts: "Sequence[StoredArtefact]") -> list[str]:
    """Returns the name of each artefact that is not there, and the work that it needs."""
    lacking = [(kept.artefact, kept.folder.parent) for kept in artefacts if not kept.exists]
    return [f"{one.name!r}" + (f" ({work})" if (work := one.remaining_work(root)) else "") for one, root in lacking]


def _compute_columns(
    experiment: "Experiment",
    parts: "Sequence[Part]",
    artefacts: "Sequence[StoredArtefact]",
    arguments: argparse.Namespace,
    once: list[dict[str, str]],
) -> int:
    from seglet.engine.prepare import PrepareOptions, prepare_columns

    rank, world = process_share(os.environ)
    pool = read_actor_pool(arguments)
    if pool is not None and world > 1:
        raise ValueError(
            "torchrun and --engine ray both divide the work; start without torchrun, or leave the latter out"
        )
    work = PrepareOptions(_choose_device(arguments.device), arguments.batch, rank, world, arguments.dry_run, pool)
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
        text = _summary(experiment, parts, outcomes, work, _missing_artefacts(artefacts))
        print_result(text, content, arguments.json)
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
    experiment: "Experiment",
    parts: "Sequence[Part]",
    outcomes: "Sequence[ColumnOutcome]",
    work: "PrepareOptions",
    artefacts: list[str],
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
    if not missing and not artefacts:
        return "\n".join([*lines, f"complete; next: {_train_command(experiment)}"])
    left = ", ".join([*artefacts, *(f"{name!r} of {count} images" for name, count in missing.items())])
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


def _list_stored(
    experiment: "Experiment",
    data: "Dataset",
    wanted: "Sequence[OfflineColumn]",
    artefacts: "Sequence[StoredArtefact]",
    as_json: bool,
) -> int:
    from seglet.data.columns.store import stored_columns
    from seglet.engine.artefacts import describe_missing_artefact
    from seglet.engine.columns import columns_folder
    from seglet.engine.stored_folders import stored_folders

    root = columns_folder(experiment.settings)
    needed = {column.store.folder: column for column in wanted}
    lines, content = [], []
    for store in stored_columns(root):
        use = "needed" if store.folder in needed else _column_use(store, wanted)
        text, entry = _describe_column(store, use)
        lines.append(text)
        content.append(entry)
    folders = stored_folders(root, data, artefacts)
    lines += [_describe_folder(folder) for folder in folders]
    absent = [column.name for column in wanted if not column.store.folder.is_dir()]
    lines += [f"{name}: not there yet" for name in absent]
    lines += [f"{describe_missing_artefact(kept, data)}" for kept in artefacts if not kept.exists]
    absent += [kept.artefact.name for kept in artefacts if not kept.exists]
    text = "\n".join([f"in {root}:", *(lines or ["nothing"])])
    once = [folder.as_dict() for folder in folders]
    print_result(text, {"folder": str(root), "columns": content, "once": once, "absent": absent}, as_json)
    return 0


def _describe_folder(one: "StoredFolder") -> str:
    from seglet.engine.prepare import format_bytes

    text = f"{one.folder.name}: {len(one.files)} files, {format_bytes(one.bytes)} ({one.use})"
    return f"{text}\n  once for the classes, by {one.made_by}" if one.made_by else text


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


def _delete_stale(
    data: "Dataset",
    wanted: "Sequence[OfflineColumn]",
    artefacts: "Sequence[StoredArtefact]",
    arguments: argparse.Namespace,
) -> int:
    from seglet.engine.columns import columns_made_otherwise
    from seglet.engine.prepare import format_bytes
    from seglet.engine.stored_folders import stored_folders

    verb = "would delete" if arguments.dry_run else "deleted"
    stale: dict[Path, tuple[str, int]] = {}
    for store in (store for column in wanted for store in columns_made_otherwise(column.store)):
        text, entry = _describe_column(store, _column_use(store, wanted))
        stale[store.folder] = text, entry["bytes"]
    for one in stored_folders(artefacts[0].folder.parent, data, artefacts) if artefacts else []:
        if one.stale:
            stale[one.folder] = _describe_folder(one), one.bytes
    for place in [] if arguments.dry_run else stale:
        _delete_folder(place)
    total = sum(size for _, size in stale.values())
    lines = [f"{verb} {text}" for text, _ in stale.values()]
    text = "\n".join([*lines, f"{len(stale)} folders, {format_bytes(total)}"])
    deleted = [] if arguments.dry_run else list(map(str, stale))
    print_result(text if stale else "nothing was made otherwise", {"deleted": deleted, "bytes": total}, arguments.json)
    return 0


def _delete_folder(place: Path) -> None:
    from seglet.files import delete_path

    delete_path(place)
    if place.exists():
        raise ValueError(f"cannot delete {str(place)!r}; check its permissions")


def _write_audit(data: "Dataset", wanted: "Sequence[OfflineColumn]", arguments: argparse.Namespace) -> int:
    from seglet.engine.output_folder import check_writable
    from seglet.report.column_audit import audit_files, write_audit

    files = audit_files(arguments.audit)
    for file in files:
        check_writable(file, "--audit")
    count = min(arguments.count, len(data))
    texts = write_audit(files, data, [column.store for column in wanted], count)
    names = ", ".join(map(str, files))
    text = "\n".join([f"{count} of {len(data)} images, with the columns that are there, are in {names}", *texts])
    print_result(text, {"files": list(map(str, files)), "texts": texts}, arguments.json)
    return 0
