"""Chooses the class table: the user's, one beside the data, or that of the data set the layout is named after."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seglet.data.class_files.class_rows import ClassFile
from seglet.data.class_files.read import read_class_file
from seglet.data.class_files.search import find_class_file, mask_ending, table_folders
from seglet.data.class_table import ClassEntry, ClassTable, numbered_table, pack_colour
from seglet.data.errors import Problem
from seglet.data.layouts.folders import holds_images_folder
from seglet.data.layouts.found import FoundLayout

_DATA_SETS = {
    "voc": "PASCAL VOC", "cityscapes": "Cityscapes", "acdc": "ACDC", "bdd100k": "BDD100K", "ade20k": "ADE20K",
    "camvid": "CamVid", "coco": "COCO",
}  # fmt: skip


@dataclass(frozen=True)
class ClassChoice:
    """The classes of a data set before its masks are looked at.

    `entries` is None if nothing names the classes, and `file` the file that names them, if one does. `assumed` is the
    data set whose classes were assumed because of the layout, or empty. `coloured` is True if the colours are not those
    of VOC by default.
    """

    entries: ClassTable | None = None
    file: Path | None = None
    assumed: str = ""
    coloured: bool = False
    problems: tuple[Problem, ...] = ()

    def assumption(self, values: Iterable[int], coloured: bool) -> Iterable[Problem]:
        """Yields a warning if the classes are assumed, with how many of them have these values or packed colours."""
        if not self.assumed or self.entries is None:
            return
        there = set(values)
        kept = [entry for entry in self.entries if not entry.void]
        shown = [entry.name for entry in kept if (pack_colour(entry.colour) if coloured else entry.id) in there]
        first = ": " + ", ".join(shown[:5]) + (", …" if len(shown) > 5 else "") if shown else ""
        what = (
            f"no class table is here, so the {len(kept)} classes of {self.assumed} are assumed from the names of "
            f"folders and files; masks hold {len(shown)} of {len(kept)} assumed classes{first}"
        )
        cure = f"correct for masks of {self.assumed}; else add a classes.txt with a line `id name` for each class"
        yield Problem("classes", what, cure, "warning")


def choose_classes(
    given: Path | None, found: FoundLayout, root: Path, masks: Path | None, tags: Path | None
) -> ClassChoice:
    """Returns the classes in the file `given`, in a file beside the data other than `tags`, or of the layout.

    Raises:
        DataError: the file that is given or found is no table of classes.
    """
    if given is not None:
        return _chosen(read_class_file(given), found, ())
    beside = find_class_file(_folders(found, root, masks), _ending(found, masks), () if tags is None else (tags,))
    if beside.table is not None and not found.drawn:
        return _chosen(beside.table, found, beside.problems)
    if found.drawn:
        return ClassChoice(found.entries, problems=tuple(_unused(beside.table, found)))
    assumed = "" if found.entries is None else _DATA_SETS.get(found.layout, found.layout)
    entries = found.entries and _with_unlabelled(found.entries, found)
    return ClassChoice(entries, assumed=assumed, coloured=found.entries is not None)


def _folders(found: FoundLayout, root: Path, masks: Path | None) -> list[Path]:
    """Returns the folders to search, those nearest to the masks last; above `root` only if it is a folder of images."""
    files = {item.mask for items in found.splits.values() for item in items if item.mask is not None}
    if masks is None:
        return table_folders(root, files)
    above = () if holds_images_folder(root) else (root.parent,)
    return list(dict.fromkeys((masks.parent, masks, root, *above)))


def _ending(found: FoundLayout, masks: Path | None) -> str:
    if masks is not None:
        return mask_ending(masks)
    items = (item for items in found.splits.values() for item in items)
    first = next((item.mask for item in items if item.mask is not None), None)
    named = [part for part in first.parts if part.startswith("masks")] if first is not None else []
    return named[-1].removeprefix("masks") if named else ""


def _chosen(table: ClassFile, found: FoundLayout, problems: tuple[Problem, ...]) -> ClassChoice:
    """Returns the table; where the layout has an unlabelled value, names without ids are those of the next ones."""
    entries = table.entries
    if found.unlabelled is not None and not table.numbered and not _begins_with_background(entries):
        colours = [entry.colour for entry in entries] if table.coloured else None
        entries = numbered_table((entry.name for entry in entries), colours, found.unlabelled + 1)
        what = f"names have no ids and are numbered from {found.unlabelled + 1}, as in {_DATA_SETS[found.layout]}"
        cure = "write `id name` on every line if that is not intended"
        problems = (*problems, Problem(str(table.path), what, cure, "warning"))
    return ClassChoice(_with_unlabelled(entries, found), table.path, "", table.coloured, problems)


def _begins_with_background(entries: ClassTable) -> bool:
    first = entries[0]
    return first.void or first.id != 0 or first.name.strip(" _").lower() == "background"


def _with_unlabelled(entries: ClassTable, found: FoundLayout) -> ClassTable:
    if found.unlabelled is None or any(entry.id == found.unlabelled for entry in entries):
        return entries
    return (ClassEntry(found.unlabelled, "unlabelled", (0, 0, 0), void=True), *entries)


def _unused(table: ClassFile | None, found: FoundLayout) -> Iterable[Problem]:
    """Yields a warning about a table that disagrees with the annotations from which the masks were drawn."""
    drawn = {entry.name for entry in found.entries or ()}
    if table is not None and (odd := sorted({entry.name for entry in table.entries if not entry.void} - drawn)):
        what = f"names {odd[0]!r}, which the annotations do not; masks are drawn with the classes of the annotations"
        yield Problem(str(table.path), what, "rename the file, or the categories in the annotations", "warning")
