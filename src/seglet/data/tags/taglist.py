"""Tags as a file writes them, before anybody knows which images and classes there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seglet.data.errors import Problem

TagNames = tuple[str, ...]


@dataclass(frozen=True)
class TagList:
    """What a file, or a folder of files, says in its own words.

    `tags` maps each image's name to its tags, each once; an image may be named and have none. `form` says how it is
    written: csv, json, coco, voc-xml or folders. `hash` is that of the file's content, empty where it is a folder.
    """

    source: Path
    form: str
    tags: Mapping[str, TagNames]
    hash: str = ""
    problems: tuple[Problem, ...] = ()


def unique_tags(tags: Iterable[str]) -> TagNames:
    """The tags without blanks around them, none empty, each the first time it comes."""
    return tuple(dict.fromkeys(tag for tag in (tag.strip() for tag in tags) if tag))
