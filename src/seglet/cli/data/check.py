"""`seglet data check`: lists all problems of a data set, or writes the description that training reads."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seglet.cli.options.actors import add_actor_options, read_actor_pool
from seglet.cli.output import print_result, table_lines
from seglet.cli.parsing import add_json, positive_fraction, whole_number
from seglet.stores import is_url

if TYPE_CHECKING:
    from seglet.data.checking.check import CheckReport
    from seglet.data.checking.rules import MaskRules
    from seglet.data.checking.statistics import SplitStatistics
    from seglet.data.description import Description, TagOrigin
    from seglet.data.tags.source import TagSource

_CODINGS = ("index", "colour", "binary_255")
_WITHOUT_MASKS = "to train on them, give the folder of their --masks, or choose a method that needs none"
_FROM_MASKS = "masks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        type=folder_or_url,
        metavar="DIR",
        help="folder of images, of a whole data set, or of tars; also a URL",
    )
    parser.add_argument("--masks", type=Path, help="folder of masks, when it is elsewhere")
    parser.add_argument("--mask-name", metavar="PATTERN", help="how the name of a mask differs from that of its image: "
                        "'{}_segmentation', or 'image_{}=mask_{}'")  # fmt: skip
    parser.add_argument("--classes", type=Path, help="table of classes: a line `id name R G B` for each, CSV, JSON or "
                        "YAML; or one that comes with seglet: cityscapes, "
                        "cityscapes-trainids, coco, lis, voc, voc-lis")  # fmt: skip
    parser.add_argument(
        "--tags",
        metavar="FILE|DIR|masks",
        help="classes of each image: CSV, JSON, COCO's JSON, a folder of VOC's XML or of a folder for each "
        "class; or the word masks, to take them from the masks",
    )
    parser.add_argument("--tags-key", default="", metavar="KEY", help="field of the JSON file that holds the tags")
    parser.add_argument(
        "--coding", choices=_CODINGS, help="coding of the masks; binary_255: 255 is an object, not void"
    )
    parser.add_argument("--threshold", type=whole_number(1, 65535), metavar="GREY", help="lowest grey of the "
                        "object in black and white masks that were smoothed or saved as JPEG (or 128)")  # fmt: skip
    parser.add_argument("--void", type=int, nargs="+", default=[], metavar="ID", help="ids in masks that are ignored")
    parser.add_argument("--channels", nargs="+", metavar="NAME", help="what the bands of the images measure, in their "
                        "order, such as red green blue nir; read as stored (pip install 'seglet[geo]')")  # fmt: skip
    parser.add_argument("--stray", type=float, default=0.0, help="share of a mask that may be of no class (default 0)")
    parser.add_argument(
        "--max-pixels", type=whole_number(1, 10**12), help="largest image to open (default 64 million pixels)"
    )
    parser.add_argument(
        "--val", type=positive_fraction, help="share of the only split that becomes val; the rest is train"
    )
    parser.add_argument("--seed", type=whole_number(0, 2**31), default=0, help="seed of the draw of --val (default 0)")
    parser.add_argument("--leave-out", action="store_true", help="leave out the images that have errors")
    parser.add_argument("--out", type=Path, metavar="FILE", help="file of the description (DIR/dataset.json)")
    parser.add_argument(
        "--manifest",
        action="store_true",
        help="write Parquet files in place of dataset.json, as is done from 100 000 images on",
    )
    add_json(parser)
    add_actor_options(parser, gpus=False)


def folder_or_url(text: str) -> Path | str:
    """Reads an argument that is a path, or the URL of a folder in a store."""
    return text if is_url(text) else Path(text)


def run(arguments: argparse.Namespace) -> int:
    from seglet.data.checking.check import check_dataset
    from seglet.data.shards.file_rows import LARGE
    from seglet.engine.console import ProgressDisplay

    pool = read_actor_pool(arguments)
    if (code := _check_shards(arguments)) is not None:
        return code
    with ProgressDisplay("check", 0, "files") as steps:

        def show_progress(done: int, total: int) -> None:
            steps.expect(total)
            steps.advance(done)

        report = check_dataset(
            arguments.folder,
            arguments.masks,
            arguments.classes,
            _rules(arguments),
            show_progress,
            _tag_source(arguments),
            arguments.mask_name,
            pool,
        )
    images = sum(split.images for split in report.statistics.values())
    usable = images > 0 and (report.ok or (arguments.leave_out and not report.undecided))
    file, description = None, report.description
    if usable:
        description = _divide_only_split(description, arguments.val, arguments.seed)
        file = _save(description, arguments, arguments.manifest or images >= LARGE)
    data = arguments.folder if arguments.out is None else arguments.out
    text = "\n".join([*_summary(report), *_problem_lines(report), "", *_result_lines(report, description, file, data)])
    content = {**report.as_dict(), "images": images, "description": None if file is None else str(file)}
    print_result(text, content, arguments.json)
    return 0 if usable else 2


def _check_shards(arguments: argparse.Namespace) -> int | None:
    """Checks a folder of tars and returns the exit code, or None if it is another folder."""
    from seglet.data.shards.index import holds_tars
    from seglet.data.shards.manifest import find_manifest
    from seglet.stores.mirror import local_folder

    by_url = isinstance(arguments.folder, str)
    if by_url and find_manifest(arguments.folder) is None:
        arguments.folder, by_url = local_folder(arguments.folder), False
    if not by_url and not holds_tars(arguments.folder):
        return None
    from seglet.cli.data.check_shards import run_on_shards

    if arguments.channels:
        raise ValueError("--channels are those of a folder of images; tars hold colours, leave it out")
    return run_on_shards(arguments, _rules(arguments))


def _save(description: "Description", arguments: argparse.Namespace, in_shards: bool) -> Path:
    from seglet.data.description_files import DESCRIPTION_FILE, is_description
    from seglet.data.folder_dataset import save_description
    from seglet.data.shards.file_rows import save_file_rows
    from seglet.data.shards.manifest import MANIFEST_FILE
    from seglet.files import delete_path

    folder: Path = arguments.folder
    if arguments.out is not None and not arguments.manifest:
        description.save(arguments.out)
        return Path(arguments.out)
    if in_shards:
        file = save_file_rows(description, folder)
        if is_description(folder / DESCRIPTION_FILE):
            delete_path(folder / DESCRIPTION_FILE)
        return file
    delete_path(folder / MANIFEST_FILE)
    return save_description(description, folder)


def _rules(arguments: argparse.Namespace) -> "MaskRules":
    from seglet.data.checking.rules import MaskRules
    from seglet.images import MAX_PIXELS

    return MaskRules(
        arguments.coding,
        tuple(arguments.void),
        arguments.stray,
        arguments.max_pixels or MAX_PIXELS,
        arguments.threshold,
        tuple(arguments.channels) if arguments.channels else None,
    )


def _tag_source(arguments: argparse.Namespace) -> "TagSource":
    from seglet.data.tags.source import TagSource

    if arguments.tags == _FROM_MASKS:
        return TagSource(masks=True)
    return TagSource(None if arguments.tags is None else Path(arguments.tags), arguments.tags_key)


def _summary(report: "CheckReport") -> list[str]:
    """Returns lines on layout, splits and classes."""
    description = report.description
    masks = {"index": "ids", "colour": "colours", "binary_255": "0 and 255"}[description.coding]
    names = description.classes.names
    contents = [f"masks hold {masks}" if _has_masks(report) else "no masks"]
    if description.tags is not None:
        contents.append(f"tags from {_tag_origin_text(description.tags)}")
    if _has_masks(report) or _has_tags(report):
        named = "" if report.class_file is None else f" of {report.class_file.name}"
        contents.append(f"{len(names)} classes{named}")
    lines = [
        f"{description.root}: layout {description.layout}, {', '.join(contents)}",
        "",
        *_split_lines(report.statistics),
        *_channel_lines(description),
    ]
    return [*lines, "", *_class_lines(names, report.statistics)] if _has_masks(report) or _has_tags(report) else lines


def _channel_lines(description: "Description") -> list[str]:
    """Returns a table of the channels and the statistics of their stored values, if the images have some."""
    if description.channels is None:
        return []
    heads = ("channel", "mean", "deviation", "0.5 % below", "0.5 % above")
    rows = [
        (one.name, *(f"{number:.5g}" for number in (one.mean, one.std, one.low, one.high)))
        for one in description.channels
    ]
    return ["", *table_lines([heads, *rows])]


def _tag_origin_text(origin: "TagOrigin") -> str:
    return "the masks" if origin.form == _FROM_MASKS else f"{origin.source.name} ({origin.form})"


def _has_masks(report: "CheckReport") -> bool:
    return any(split.labelled for split in report.statistics.values())


def _has_tags(report: "CheckReport") -> bool:
    return any(split.tagged for split in report.statistics.values())


def _split_lines(statistics: Mapping[str, "SplitStatistics"]) -> list[str]:
    tagged = any(split.tagged for split in statistics.values())
    counts = ("images", "with masks", "with tags") if tagged else ("images", "with masks")
    rows: list[tuple[str, ...]] = [("split", *counts, "smallest", "largest", "void %")]
    for name, split in statistics.items():
        labelled = split.void_pixels + sum(split.pixels)
        many = (split.images, split.labelled, split.tagged)[: len(counts)]
        sizes = (f"{width}x{height}" for height, width in (split.smallest, split.largest))
        rows.append((name, *map(str, many), *sizes, _percent(split.void_pixels, labelled)))
    return table_lines(rows)


def _class_lines(names: tuple[str, ...], statistics: Mapping[str, "SplitStatistics"]) -> list[str]:
    """Returns a table of each class by split: share of the masks' pixels, images with it, images tagged with it."""
    parts: list[tuple[str, list[str]]] = []
    for name, split in statistics.items():
        if split.labelled:
            parts.append((f"{name}: pixels %", [_percent(part, sum(split.pixels)) for part in split.pixels]))
            parts.append((f"{name}: images", [str(count) for count in split.containing]))
        if split.tagged:
            parts.append((f"{name}: tagged", [str(count) for count in split.tagging]))
    heads = ("class", *(head for head, _ in parts))
    rows = [(f"{label} {name}", *(cells[label] for _, cells in parts)) for label, name in enumerate(names)]
    return table_lines([heads, *rows])


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}" if whole else "–"


def _problem_lines(report: "CheckReport") -> list[str]:
    ordered = sorted(report.problems, key=lambda problem: problem.severity)
    return ["", *(f"{problem.severity}: {problem}" for problem in ordered)] if ordered else []


def _divide_only_split(description: "Description", val: float | None, seed: int) -> "Description":
    """Returns the description with train and val drawn from its only split, if a share `val` is given.

    Raises:
        ValueError: there are several splits already.
    """
    from seglet.data.splits.divide import divide_split

    if val is None:
        return description
    if len(description.splits) > 1:
        raise ValueError(f"--val divides a single split, but there are {', '.join(description.splits)}; leave it out")
    (only,) = description.splits
    return divide_split(description, only, val, ("val", "train"), seed)


def _result_lines(report: "CheckReport", description: "Description", file: Path | None, data: Path) -> list[str]:
    errors, warnings = len(report.errors), len(report.problems) - len(report.errors)
    counts = f"{errors} errors, {warnings} warnings"
    if file is None:
        leave = ", or go on without these files with --leave-out" if errors and not report.undecided else ""
        cure = f"correct them and check again{leave}"
        return [f"{counts}: nothing was written; {cure}"]
    splits = tuple(description.splits)
    new = {name: len(items) for name, items in description.splits.items() if name not in report.statistics}
    sizes = [", ".join(f"{name}: {size} images" for name, size in new.items())] if new else []
    train = "train" if "train" in splits else splits[0]
    val = "val" if "val" in splits else splits[-1]
    train_option = "" if train == "train" else f" --train_split {train}"
    options = train_option if val == "val" else f" --train_split {train} --val_split {val}"
    if train == val:
        options += "    (one split: --val 0.2 divides it into train and val)"
    train_command = _WITHOUT_MASKS
    if method := _suggested_method(description, train):
        train_command = f"seglet train {method} --data {data}{options}"
    return [
        *sizes,
        f"{counts}; the description is in {file}",
        *_foreign_lines(description.root, file),
        f"next: seglet data view {data} --out views.png{train_option}",
        f"      {train_command}",
    ]


def _foreign_lines(root: Path, file: Path) -> list[str]:
    """Returns a line about a `dataset.json` of another program, beside which the description was written."""
    from seglet.data.description_files import DESCRIPTION_FILE, is_description

    there = root / DESCRIPTION_FILE
    if not there.exists() or is_description(there):
        return []
    return [f"{there} belongs to another program and stays as it is"]


def _suggested_method(description: "Description", train: str) -> str:
    """Returns a method that learns from the annotation of the split: masks, else tags; empty if it has none."""
    items = description.splits[train]
    if any(item.mask is not None for item in items):
        return "supervised"
    return "ssss" if any(item.tags for item in items) else ""
