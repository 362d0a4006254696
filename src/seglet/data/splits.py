"""The official split lists of semi-supervised segmentation, shipped with the package.

`split_lists/SOURCES.md` says where each list comes from and under which licence; MANIFEST.json there holds the hashes
of the source files, which the tests rebuild from the ids.
"""

import json
import lzma
from importlib.resources import files
from importlib.resources.abc import Traversable

from seglet.data.errors import DataError, choices

SUFFIXES = (".txt", ".txt.xz")
SHORT = {"voc/": "pascal/"}
LABELLED_PART = "/labeled"


def split_names() -> tuple[str, ...]:
    """Names of all lists: "pascal/92/labeled", "cityscapes/1_16/unlabeled", "coco/val", …"""
    manifest = json.loads((_folder() / "MANIFEST.json").read_text(encoding="utf-8"))
    return tuple(entry["file"].removesuffix(".xz").removesuffix(".txt") for entry in manifest["files"])


def full_name(name: str) -> str:
    """Of a list, also one called in short: `voc/92` is "pascal/92/labeled". Any other name stays as it is."""
    names = split_names()
    full = next((long + name.removeprefix(short) for short, long in SHORT.items() if name.startswith(short)), name)
    found = next((each for each in (full, full + LABELLED_PART) if each in names), None)
    return found or name


def split_ids(name: str) -> tuple[str, ...]:
    """The sample ids of a list, in the order of its authors.

    Raises:
        DataError: there is no such list; names the nearest.
    """
    names = split_names()
    if name not in names:
        raise DataError(f"there is no split list {name!r}; {choices(name, names)}")
    for suffix in SUFFIXES:
        path = _folder().joinpath(f"{name}{suffix}")
        if path.is_file():
            raw = path.read_bytes()
            return tuple((lzma.decompress(raw) if suffix.endswith(".xz") else raw).decode().split())
    raise DataError(f"the file of split list {name!r} is missing from this installation; install seglet again")


def _folder() -> Traversable:
    return files("seglet.data") / "split_lists"
