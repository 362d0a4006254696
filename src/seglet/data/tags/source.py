"""Finds the tags of a data set: where the user says, or beside the images."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from seglet.data.class_table import ClassTable
from seglet.data.errors import DataError
from seglet.data.layouts.exdark import box_folder
from seglet.data.layouts.found import FoundLayout
from seglet.data.layouts.roles import IMAGE_FOLDERS, folders_named
from seglet.data.layouts.voc import VOC_FOLDERS
from seglet.data.spelling import fold_spelling
from seglet.data.tags import bbgt, class_folders, json_file, spreadsheet, voc_xml
from seglet.data.tags.taglist import TagList

_FILES = ("tags.csv", "tags.tsv", "tags.json")
_XML_FOLDERS = ("Annotations", "annotations")


@dataclass(frozen=True)
class TagSource:
    """Source of tags: the file or folder `path` or, if it is None, the usual places beside the images.

    `masks` asks for the tags that follow from the masks. `key` names the field of a JSON file with the tags.
    """

    path: Path | None = None
    key: str = ""
    masks: bool = False


USUAL_TAGS = TagSource()


def read_tags(
    path: Path, known: Collection[Path], key: str = "", ending: str = "", names: Collection[str] = ()
) -> TagList:
    """Reads tags from a file or folder of any supported format.

    `known` are the images of the data set, and `names` its classes, as far as a table names them.

    Raises:
        DataError: it does not exist or has no supported format; other errors may be in `TagList.problems`.
    """
    if path.is_dir() and bbgt.are_bbgt_files(path):
        return bbgt.read_bbgt(path)
    if path.is_dir():
        listed = (
            voc_xml.read_voc_xml(path) if voc_xml.xml_files(path) else class_folders.read_class_folders(path, known)
        )
        if not listed.tags and not listed.problems:
            raise DataError(f"{str(path)!r} holds neither VOC's XML nor a folder of images for each class")
        return listed
    if path.suffix.lower() == ".npy":
        raise DataError(f"{str(path)!r} is a NumPy file, which can run code when read; save the tags as CSV or JSON")
    if path.suffix.lower() == ".json":
        return json_file.read_json_tags(path, key, ending)
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        return spreadsheet.read_tag_spreadsheet(path, names)
    raise DataError(f"tags {str(path)!r}: expected .csv, .json, or a folder of XML files or of a folder for each class")


def find_tags(
    wanted: TagSource, root: Path, masks: Path | None, found: FoundLayout, entries: ClassTable | None
) -> TagList | None:
    """Reads the tags of the given source; returns None if there are none, or if tags are to follow from masks.

    Raises:
        DataError: the given file does not exist or cannot be read.
    """
    if wanted.masks:
        return None
    path = _beside(root, masks, found, entries) if wanted.path is None else wanted.path.resolve()
    if path is None:
        if wanted.key:
            raise DataError(f"tags field {wanted.key!r} was given without a tag file; name the file as well")
        return None
    known = {item.image for items in found.splits.values() for item in items}
    names = [entry.name for entry in entries or ()]
    return read_tags(path, known, wanted.key, _ending(found, masks), names)


def _beside(root: Path, masks: Path | None, found: FoundLayout, entries: ClassTable | None) -> Path | None:
    """Returns a file named tags, VOC's annotations, or the root if the folders of its images are named like classes."""
    above = masks is not None and not folders_named(root, IMAGE_FOLDERS)
    homes = [root, root.parent] if above else [root]
    candidates = [home / name for home in homes for name in _FILES]
    if found.layout == "voc":
        candidates += (root / home / "Annotations" for home in VOC_FOLDERS)
    elif found.layout == "exdark" and (boxes := box_folder(root)) is not None:
        return boxes
    elif found.layout == "folders":
        candidates += (home / name for home in homes for name in _XML_FOLDERS)
    for path in candidates:
        if path.is_file() or (path.is_dir() and voc_xml.xml_files(path)):
            return path
    items = [item for items in found.splits.values() for item in items]
    if found.layout != "folders" or entries is None or any(item.mask is not None for item in items):
        return None
    names = {fold_spelling(entry.name) for entry in entries if not entry.void}
    return root if class_folders.are_class_folders(root, {item.image for item in items}, names) else None


def _ending(found: FoundLayout, masks: Path | None) -> str:
    """Returns the suffix of the mask folder after `masks`, such as `_fg`, whose tags may have a field of their own."""
    folders = [masks.name] if masks is not None else []
    first = next((item.mask for items in found.splits.values() for item in items if item.mask is not None), None)
    if masks is None and first is not None:
        folders = [part for part in first.parts if part.startswith("masks")][-1:]
    return folders[0].removeprefix("masks") if folders and folders[0].startswith("masks") else ""
