"""`seglet data check` on a folder of tars: indexes tars that others packed, verifies those that seglet packed."""

import argparse
from collections import Counter
from typing import TYPE_CHECKING

from seglet.cli.output import print_result, table_lines

if TYPE_CHECKING:
    from seglet.data.checking.rules import MaskRules
    from seglet.data.shards.index import IndexReport
    from seglet.data.shards.manifest import Manifest

_FOLDER_ONLY = ("masks", "mask_name", "tags", "val", "out")


def run_on_shards(arguments: argparse.Namespace, rules: "MaskRules") -> int:
    """Checks the tars of a folder, prints the result and returns the exit code.

    Raises:
        ValueError: an option is given that is for folders of images.
    """
    from seglet.data.shards.index import index_tars
    from seglet.data.shards.manifest import find_manifest, load_manifest
    from seglet.data.shards.verify import check_manifest
    from seglet.engine.console import ProgressDisplay

    for name in _FOLDER_ONLY:
        if getattr(arguments, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise ValueError(
                f"{str(arguments.folder)!r} holds tars, which have masks and tags inside and splits in their names "
                f"(train-00000.tar); {option} is for folders of images"
            )
    with ProgressDisplay("check", 0, "shards") as steps:

        def show_progress(done: int, total: int) -> None:
            steps.expect(total)
            steps.advance(done)

        places = find_manifest(arguments.folder)
        known = None if places is None else load_manifest(*places)
        if known is not None and known.reading.layout != "webdataset":
            report = check_manifest(known, show_progress)
            usable = not report.errors
        else:
            report = index_tars(arguments.folder, arguments.classes, rules, arguments.leave_out, show_progress)
            usable = report.file is not None
    text = "\n".join([*summary_lines(report.manifest), *_problems(report), "", *_result(arguments, report, usable)])
    content = {"splits": dict(report.manifest.splits), "shards": len(report.manifest.shards), "ok": not report.errors}
    problems = [vars(problem) for problem in report.problems]
    print_result(text, {**content, "problems": problems}, arguments.json)
    return 0 if usable else 2


def summary_lines(manifest: "Manifest") -> list[str]:
    """Returns lines on the splits and classes of shards."""
    names = manifest.reading.classes.names
    of: dict[str, Counter[str]] = {}
    for shard in manifest.shards:
        counts = of.setdefault(shard.split, Counter())
        counts.update(shards=1, images=shard.images, size=shard.size)
        counts.update(labelled=shard.counts.labelled, tagged=shard.counts.tagged)
        for label, name in enumerate(names if shard.counts.containing else ()):
            counts[f"mask {name}"] += shard.counts.containing[label]
            counts[f"tag {name}"] += shard.counts.tagging[label]
    rows: list[tuple[str, ...]] = [("split", "images", "with masks", "with tags", "shards", "MB")]
    for split, counts in of.items():
        many = (str(counts[key]) for key in ("images", "labelled", "tagged", "shards"))
        rows.append((split, *many, f"{counts['size'] / 1e6:.1f}"))
    heads = [f"{split}: {kind}" for split in of for kind in ("in masks", "tagged")]
    table: list[tuple[str, ...]] = [("class", *heads)]
    for label, name in enumerate(names):
        table.append((f"{label} {name}", *(str(c[f"{kind} {name}"]) for c in of.values() for kind in ("mask", "tag"))))
    return [f"{manifest.place.name}: {manifest.reading.layout} in shards, {len(names)} classes", "",
            *table_lines(rows), "", *table_lines(table)]  # fmt: skip


def _problems(report: "IndexReport") -> list[str]:
    ordered = sorted(report.problems, key=lambda problem: problem.severity)
    return ["", *(f"{problem.severity}: {problem}" for problem in ordered)] if ordered else []


def _result(arguments: argparse.Namespace, report: "IndexReport", usable: bool) -> list[str]:
    errors = len(report.errors)
    counts = f"{errors} errors, {len(report.problems) - errors} warnings"
    if not usable:
        leave = (
            ", or go on without these images with --leave-out" if report.manifest.splits and report.file is None else ""
        )
        return [f"{counts}: the shards cannot be used as they are; mend them and check again{leave}"]
    where = "every image is what the manifest says" if report.file is None else f"the manifest is {report.file}"
    splits = tuple(report.manifest.splits)
    train = "train" if "train" in splits else splits[0]
    val = "val" if "val" in splits else next((name for name in splits if name != train), train)
    options = "" if (train, val) == ("train", "val") else f" --train_split {train} --val_split {val}"
    return [f"{counts}; {where}", f"next: seglet train supervised --data {arguments.folder}{options}"]
