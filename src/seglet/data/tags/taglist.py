"""Tags as a file writes them, before they are matched to images and classes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seglet.data.errors import Problem

TagNames = tuple[str, ...]


@dataclass(frozen=True)
class TagList:
    """Tags by the name of the image, both as the file or folder writes them.

    Each tag of an image is listed once; an image may be listed without tags. `form` is csv, json, coco, voc-xml, bbgt
    or folders. `hash` is that of the file, and empty for a folder.
    """

    source: Path
    form: str
    tags: Mapping[str, TagNames]
    hash: str = ""
    problems: tuple[Problem, ...] = ()


def unique_tags(tags: Iterable[str]) -> TagNames:
    """Returns the tags stripped of blanks, without empty and repeated ones, in order."""
    return tuple(dict.fromkeys(tag for tag in (tag.strip() for tag in tags) if tag))
