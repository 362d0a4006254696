"""Finds the class table beside the data, and tells where two tables disagree."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seglet.data.class_files.class_rows import ClassFile
from seglet.data.class_files.read import read_class_file
from seglet.data.errors import DataError, Problem

_STEMS = (
    "classes", "class_names", "classnames", "class_dict", "classdict", "_classes", "label_colors", "label_colours",
    "labelmap", "label_map", "labels", "label_names", "class_labels", "codes", "id2label", "obj",
    "objectinfo150",
)  # fmt: skip
"""Names of class tables: ours, and those of LabelMe, Kaggle, Roboflow, CamVid, CVAT, TensorFlow, YOLO and ADE20K."""
_SUFFIXES = (".json", ".txt", ".csv", ".tsv", ".yaml", ".yml", ".pbtxt", ".names")
_DATA_YAML = ("data.yaml", "data.yml")
"""YOLO's file, which may hold no names and is then no table."""
_FORMS_OF_CLASSES = "`id name` or `id name R G B` on every line"


@dataclass(frozen=True)
class FoundClassFile:
    """The class table beside the data, or None, with warnings about other tables there."""

    table: ClassFile | None
    problems: tuple[Problem, ...] = ()


def table_folders(root: Path, masks: Collection[Path]) -> list[Path]:
    """Returns the folders whose tables belong to these mask files: the root and those between it and the masks."""
    parents = {folder for mask in masks for folder in mask.parents if folder.is_relative_to(root)}
    return sorted({root, *parents}, key=lambda folder: (len(folder.parts), folder))


def mask_ending(folder: Path) -> str:
    """Returns the name of a folder of masks without `masks`: `_fg` of masks_fg, whose classes are in classes_fg.txt."""
    return folder.name.removeprefix("masks")


def find_class_file(folders: Iterable[Path], ending: str = "", besides: Collection[Path] = ()) -> FoundClassFile:
    """Reads the class table in the first of the folders that has one; of several in a folder, `classes` comes first.

    For masks_fg/, whose `ending` is `_fg`, classes_fg.txt comes before all others. Files in `besides` are no tables.

    Raises:
        DataError: there are tables, and none can be read.
    """
    homes = list(dict.fromkeys(folders))
    own = _candidates(homes, (f"classes{ending}",) if ending else ())
    files = [file for file in own or _candidates(homes, _STEMS) if file not in besides]
    tables: list[ClassFile] = []
    errors: dict[Path, DataError] = {}
    for file in files:
        try:
            tables.append(read_class_file(file))
        except DataError as error:
            if file.name.lower() not in _DATA_YAML:
                errors[file] = error
    if not tables and errors:
        raise next(iter(errors.values()))
    unreadable = [Problem(str(file), f"is not read as a table of classes ({_reason(error)})",
                          f"{tables[0].path.name} is used; rename it, or write {_FORMS_OF_CLASSES}", "warning")
                  for file, error in errors.items()]  # fmt: skip
    return FoundClassFile(*_agreed(tables, unreadable))


def _candidates(folders: Sequence[Path], stems: Sequence[str]) -> list[Path]:
    """Returns the files of these names, in capitals or not, in the order of folders, names and suffixes."""
    names = [f"{stem}{suffix}" for stem in stems for suffix in _SUFFIXES]
    names += _DATA_YAML if stems is _STEMS else ()
    found = []
    for folder in folders:
        there = _files(folder)
        found += [there[name] for name in names if name in there]
    return found


def _files(folder: Path) -> Mapping[str, Path]:
    """Returns the files of a folder by their names in lower case; an exact name goes before others."""
    try:
        entries = sorted((entry.name for entry in os.scandir(folder) if entry.is_file()), reverse=True)
    except OSError:
        return {}
    return {name.lower(): folder / name for name in entries} | {
        name: folder / name for name in entries if name == name.lower()
    }


def _agreed(tables: Sequence[ClassFile], problems: list[Problem]) -> tuple[ClassFile | None, tuple[Problem, ...]]:
    """Returns the first table, with colours of another that names the same classes, and how the others differ."""
    if not tables:
        return None, tuple(problems)
    first, *others = tables
    for other in others:
        if difference := _difference(first, other):
            cure = f"{first.path.name} is used; delete or correct one, or name one with --classes"
            what = f"disagrees with {first.path.name}: {difference}"
            problems.append(Problem(str(other.path), what, cure, "warning"))
        elif other.coloured and not first.coloured:
            colours = {entry.name: entry.colour for entry in other.entries}
            first = replace(first, coloured=True, entries=tuple(
                replace(entry, colour=colours.get(entry.name, entry.colour)) for entry in first.entries
            ))  # fmt: skip
    return first, tuple(problems)


def _difference(first: ClassFile, other: ClassFile) -> str:
    """Returns the first difference of two tables in words, without void; ids count if both files give them or none."""
    own, theirs = ({entry.name: entry for entry in table.entries if not entry.void} for table in (first, other))
    for names, file in ((own.keys() - theirs.keys(), first), (theirs.keys() - own.keys(), other)):
        if names:
            return f"{min(names)!r} is a class of {file.path.name} alone"
    for name, entry in own.items():
        pair = entry, theirs[name]
        if first.numbered == other.numbered and entry.id != theirs[name].id:
            return " and ".join(f"{name!r} is {each.id}" for each in pair)
        if first.coloured and other.coloured and entry.colour != theirs[name].colour:
            return " and ".join(f"{name!r} is {each.colour}" for each in pair)
    return ""


def _reason(error: DataError) -> str:
    return str(error).partition("': ")[2].partition("; ")[0] or str(error)
