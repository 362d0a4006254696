"""Matches the names in a tag file to the images of a data set."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seglet.data.description import ImageItem
from seglet.data.errors import Problem
from seglet.data.files import IMAGE_SUFFIXES, image_name
from seglet.data.tags.taglist import TagList, TagNames
from seglet.values import nearest_names

_SHOWN = 3
_MANY = 2000  # names: to look for the nearest among more takes too long


@dataclass(frozen=True)
class MatchedTags:
    """Tags of each image as written, by its path, and the names that match no image."""

    tags: Mapping[Path, TagNames]
    unmatched: tuple[str, ...]
    problems: tuple[Problem, ...]


def match_images(listed: TagList, items: Iterable[ImageItem], root: Path) -> MatchedTags:
    """Matches every name to an image; a name is an id or the end of a path, with or without suffix."""
    known = _known(items, root)
    tags: dict[Path, TagNames] = {}
    names: dict[Path, str] = {}
    unmatched, problems = [], []
    for name, of_name in listed.tags.items():
        matches = _matches(name, known)
        if not matches:
            unmatched.append(name)
        elif len(matches) > 1:
            shown = " or ".join(repr(image_name(path, root)) for path in sorted(matches)[:_SHOWN])
            problems.append(Problem(str(listed.source), f"{name!r} could be {shown}", "write it with its folder"))
        elif (image := next(iter(matches))) in tags:
            what = f"{names[image]!r} and {name!r} are the same image"
            problems.append(Problem(str(listed.source), what, "keep one of them"))
        else:
            tags[image], names[image] = of_name, name
    return MatchedTags(tags, tuple(unmatched), (*problems, *_unmatched_problems(listed, unmatched, known)))


def _known(items: Iterable[ImageItem], root: Path) -> dict[str, set[Path]]:
    known: dict[str, set[Path]] = defaultdict(set)
    for item in items:
        parts = PurePosixPath(image_name(item.image, root)).parts if item.image.is_relative_to(root) else (item.id,)
        for start in range(len(parts)):
            known["/".join(parts[start:])].add(item.image)
        known[item.id].add(item.image)
    return known


def _matches(name: str, known: Mapping[str, set[Path]]) -> set[Path]:
    """Returns the images that a name matches; of an absolute path, which may be of another machine, the end counts."""
    plain = _without_suffix(unicodedata.normalize("NFC", name).replace("\\", "/"))
    if not re.match(r"/|[A-Za-z]:/", plain):
        return known.get(plain.removeprefix("./"), set())
    parts = plain.split("/")[1:]
    ends = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((known[end] for end in ends if end in known), set())


def _without_suffix(name: str) -> str:
    path = PurePosixPath(name)
    return name[: -len(path.suffix)] if path.suffix.lower() in IMAGE_SUFFIXES else name


def _unmatched_problems(listed: TagList, unmatched: list[str], known: Mapping[str, set[Path]]) -> list[Problem]:
    """Returns one problem for all unmatched names: an error only if no name matches, as files may list more images."""
    if not unmatched:
        return []
    near = nearest_image_name(unmatched[0], known)
    hint = f" (did you mean {near!r}?)" if near else ""
    what = f"{len(unmatched)} of {len(listed.tags)} names match no image: {first_names(unmatched)}"
    if len(unmatched) == len(listed.tags):
        return [Problem(str(listed.source), what, f"write the names as the images' files have them{hint}")]
    return [
        Problem(
            str(listed.source),
            what,
            f"correct if the file covers a larger set; else correct the names{hint}",
            "warning",
        )
    ]


def first_names(names: Iterable[str]) -> str:
    """Returns the first three names as text."""
    every = list(names)
    return ", ".join(map(repr, every[:_SHOWN])) + (", …" if len(every) > _SHOWN else "")


def nearest_image_name(name: str, others: Iterable[str]) -> str | None:
    """Returns the most similar name, or None if no name is similar or there are too many to compare."""
    every = list(others)
    near = nearest_names(_without_suffix(name), every, least=0.8) if len(every) <= _MANY else []
    return near[0] if near else None
