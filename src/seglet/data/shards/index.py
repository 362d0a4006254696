"""Indexes tars that others packed: one pass over each, several at a time, continued where an earlier one ended."""

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seglet.data.checking.rules import MaskRules
from seglet.data.class_files.read import read_class_table
from seglet.data.class_files.search import find_class_file
from seglet.data.class_table import ClassTable, binary_table, classes_of, mark_void, numbered_table
from seglet.data.description import WHOLE_SPLIT, Description
from seglet.data.errors import DataError, Problem
from seglet.data.files import is_writable, user_cache_folder_for
from seglet.data.shards.manifest import Manifest, Shard, save_manifest, shard_from_json
from seglet.data.shards.row_facts import PartBytes, count_rows, examine
from seglet.data.shards.rows import ROWS_VERSION, ImageRow, encode_rows, load_pyarrow
from seglet.data.shards.tar_samples import TarMember, TarSample, tar_samples
from seglet.data.tags.resolve import resolve_tags
from seglet.files import json_text, read_json, write_atomically, write_json
from seglet.stores import LocalPlace

ShardProgress = Callable[[int, int], None]
"""Takes the number of finished shards and the number of all shards."""
_SPLIT_WORDS = ("train", "training", "val", "valid", "validation", "test", "testing", "unlabelled", "unlabeled")
_USUAL = {"training": "train", "valid": "val", "validation": "val", "testing": "test", "unlabeled": "unlabelled"}
_MOST_PROBLEMS = 50
"""Problems of one tar that are kept, so that a report on millions of images stays readable."""


@dataclass(frozen=True)
class IndexReport:
    """Result of indexing or verifying: the shards, and the problems found in them; `manifest` only without errors."""

    manifest: Manifest
    problems: tuple[Problem, ...]
    file: Path | None = None

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Problems that would break training."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


def holds_tars(folder: Path) -> bool:
    """True if there are tars right in the folder."""
    return folder.is_dir() and any(path.suffix == ".tar" for path in folder.iterdir())


def index_tars(
    folder: Path,
    classes: Path | None = None,
    rules: MaskRules | None = None,
    leave_out: bool = False,
    progress: ShardProgress | None = None,
) -> IndexReport:
    """Reads every tar of a folder once and writes the manifest beside them, or to the user's cache.

    `classes` names the class table; without it one beside the tars is read. Images with errors are in no row, and
    without `leave_out` there is then no manifest. Tars that an earlier call finished and that did not change are not
    read again.

    Raises:
        DataError: there is no table of classes, pyarrow is missing, or nothing can be written.
    """
    load_pyarrow()
    folder = folder.resolve()
    rules = rules or MaskRules()
    tars = sorted(path for path in folder.iterdir() if path.suffix == ".tar" and not path.name.startswith("."))
    entries = _class_table(classes, folder, tars, rules)
    classes_of(entries)
    reading = Description(
        folder, "webdataset", entries, {}, rules.coding or "index", rules.stray, rules.max_pixels,
        threshold=rules.threshold,
    )  # fmt: skip
    home = folder if is_writable(folder) else user_cache_folder_for(folder)
    indexer = _Indexer(home, reading)
    shards: list[Shard] = []
    problems: list[Problem] = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for shard, found in pool.map(indexer.index, tars):
            shards.append(shard)
            problems += found
            if progress is not None:
                progress(len(shards), len(tars))
    place = LocalPlace(folder)
    manifest = Manifest(place, LocalPlace(home), reading, tuple(shards))
    report = IndexReport(manifest, tuple(problems))
    if (report.errors and not leave_out) or not manifest.splits or not sum(manifest.splits.values()):
        return report
    return IndexReport(manifest, report.problems, save_manifest(manifest, home))


def split_of_tar(name: str) -> str:
    """Returns the split that a tar's name tells: its first word that names one, or `all`."""
    words = [word for word in re.split(r"[^a-z]+", Path(name).stem.lower()) if word]
    named = next((word for word in words if word in _SPLIT_WORDS), WHOLE_SPLIT)
    return _USUAL.get(named, named)


def _class_table(given: Path | None, folder: Path, tars: Sequence[Path], rules: MaskRules) -> ClassTable:
    if given is not None:
        entries = read_class_table(given)
    elif (found := find_class_file([folder]).table) is not None:
        entries = found.entries
    elif rules.coding == "binary_255":
        entries = binary_table(None)
    elif all(_is_bare(tar) for tar in tars):
        entries = numbered_table(("unnamed",))
    else:
        raise DataError(
            f"the tars in {str(folder)!r} hold masks or tags, and nothing names their classes; put a classes.txt "
            "beside them, or give it with --classes FILE"
        )
    return mark_void(entries, rules.void) if rules.void else entries


def _is_bare(tar: Path) -> bool:
    """True if the first sample of a tar has neither mask nor tags; a tar that cannot be read is reported later."""
    try:
        first = next(tar_samples(tar), TarSample(""))
    except DataError:
        return True
    return first.mask is None and first.tags is None


class _Indexer:
    """Makes the rows of tars; those of unchanged tars are taken from notes of an earlier run."""

    def __init__(self, home: Path, reading: Description) -> None:
        self.home, self.reading = home, reading
        self.notes = home / ".seglet" / "tars"

    def index(self, tar: Path) -> tuple[Shard, list[Problem]]:
        """Returns the shard of a tar and its problems."""
        status = tar.stat()
        stamp = [ROWS_VERSION, status.st_size, status.st_mtime_ns, self.reading.fingerprint(())]
        note = self.notes / f"{tar.name}.json"
        if (known := self._known(note, stamp)) is not None:
            return known
        rows, problems = self._rows(tar)
        content = encode_rows(rows)
        sha = hashlib.sha256(content).hexdigest()
        name = f"{tar.stem}-{sha[:12]}.parquet"
        write_atomically(self.home / name, content)
        counts = count_rows(rows, len(self.reading.classes))
        shard = Shard(split_of_tar(tar.name), len(rows), name, sha, tar.name, status.st_size, counts)
        write_json(note, {"stamp": stamp, "shard": asdict(shard), "problems": [asdict(each) for each in problems]})
        return shard, problems

    def _known(self, note: Path, stamp: list[Any]) -> tuple[Shard, list[Problem]] | None:
        try:
            kept = read_json(note)
            if kept["stamp"] != stamp or not (self.home / kept["shard"]["rows"]).is_file():
                return None
            return shard_from_json(kept["shard"]), [Problem(**each) for each in kept["problems"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _rows(self, tar: Path) -> tuple[list[ImageRow], list[Problem]]:
        rows: list[ImageRow] = []
        problems: list[Problem] = []
        with tar.open("rb") as opened:
            try:
                for sample in tar_samples(tar):
                    row, found = self._row(tar, sample, opened)
                    problems += found
                    if row is not None and not any(each.severity == "error" for each in found):
                        rows.append(row)
            except DataError as error:
                what, _, cure = str(error).rpartition("; ")
                problems.insert(0, Problem(tar.name, what, cure))
        if len(problems) > _MOST_PROBLEMS:
            more = len(problems) - _MOST_PROBLEMS
            problems = [*problems[:_MOST_PROBLEMS], Problem(tar.name, f"has {more} more problems", "mend these first")]
        return rows, problems

    def _row(self, tar: Path, sample: TarSample, opened: Any) -> tuple[ImageRow | None, list[Problem]]:
        shown = f"{tar.name}/{sample.id}"
        if sample.image is None:
            return None, [Problem(shown, "has no image", "pack it again, or leave it out", "warning")]
        problems: list[Problem] = []
        tags: tuple[int, ...] | None = None
        if sample.tags is not None:
            found = resolve_tags({Path(shown): sample.tags}, Path(shown), self.reading.entries)
            problems += [each for each in found.problems if each.severity == "error"]
            labels = {found.labels.get(tag) for tag in sample.tags}
            tags = tuple(sorted(label for label in labels if label is not None))
        image = _bytes_of(sample.image, opened, tar)
        mask = None if sample.mask is None else _bytes_of(sample.mask, opened, tar)
        row, wrong = examine(sample.id, image, mask, (tags, sample.caption), self.reading)
        return row, [*problems, *wrong]


def _bytes_of(member: TarMember, opened: Any, tar: Path) -> PartBytes:
    opened.seek(member.offset)
    return PartBytes(opened.read(member.size), member.name, member.offset, f"{tar.name}/{member.name}")


def write_class_file(folder: Path, description: Description) -> None:
    """Writes the classes of a data set as classes.json beside its shards, for `seglet data check` on a copy of them."""
    entries = [
        {"id": entry.id, "name": entry.name, "colour": list(entry.colour), "void": entry.void}
        for entry in description.entries
    ]
    write_atomically(folder / "classes.json", json_text(entries, indent=1).encode())
