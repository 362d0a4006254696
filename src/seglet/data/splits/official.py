"""The official split lists of semi-supervised segmentation, shipped with the package.

`split_lists/SOURCES.md` says where each list comes from and under which licence; MANIFEST.json there holds the hashes
of the source files, which the tests rebuild from the ids.
"""

import json
import lzma
from importlib.resources import files
from importlib.resources.abc import Traversable

from seglet.data.errors import DataError
from seglet.values import choose_from

_SUFFIXES = (".txt", ".txt.xz")


def official_split_names() -> tuple[str, ...]:
    """Returns the names of all lists: "pascal/92/labeled", "cityscapes/1_16/unlabeled", "coco/val", …"""
    manifest = json.loads((_folder() / "MANIFEST.json").read_text(encoding="utf-8"))
    return tuple(entry["file"].removesuffix(".xz").removesuffix(".txt") for entry in manifest["files"])


def full_split_name(name: str) -> str:
    """Returns the full name of a list, "pascal/92/labeled" for `voc/92`; other names are unchanged."""
    known, full = official_split_names(), f"pascal/{name.removeprefix('voc/')}" if name.startswith("voc/") else name
    return next((each for each in (full, f"{full}/labeled") if each in known), name)


def official_split_ids(name: str) -> tuple[str, ...]:
    """Returns the sample ids of a list, by its full or short name, in the order of its authors.

    Raises:
        DataError: there is no such list; names the nearest.
    """
    names, full = official_split_names(), full_split_name(name)
    if full not in names:
        raise DataError(f"there is no split list {name!r}; {choose_from(name, names)}")
    for suffix in _SUFFIXES:
        path = _folder().joinpath(f"{full}{suffix}")
        if path.is_file():
            raw = path.read_bytes()
            return tuple((lzma.decompress(raw) if suffix.endswith(".xz") else raw).decode().split())
    raise DataError(f"the file of split list {name!r} is missing from this installation; install seglet again")


def _folder() -> Traversable:
    return files("seglet.data") / "split_lists"
