"""Which image is meant by a name in a tag file."""

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
    """The tags of each image as written, by its path, and the names that are of no image here."""

    tags: Mapping[Path, TagNames]
    strangers: tuple[str, ...]
    problems: tuple[Problem, ...]


def match_images(listed: TagList, items: Iterable[ImageItem], root: Path) -> MatchedTags:
    """Finds the image of every name, which is an id or a path from any folder on, with or without its ending."""
    known = _known(items, root)
    tags: dict[Path, TagNames] = {}
    names: dict[Path, str] = {}
    strangers, problems = [], []
    for name, of_name in listed.tags.items():
        meant = _meant(name, known)
        if not meant:
            strangers.append(name)
        elif len(meant) > 1:
            shown = " or ".join(repr(image_name(path, root)) for path in sorted(meant)[:_SHOWN])
            problems.append(Problem(str(listed.source), f"{name!r} could be {shown}", "write it with its folder"))
        elif (image := next(iter(meant))) in tags:
            what = f"{names[image]!r} and {name!r} are one image"
            problems.append(Problem(str(listed.source), what, "keep one of them"))
        else:
            tags[image], names[image] = of_name, name
    return MatchedTags(tags, tuple(strangers), (*problems, *_strange(listed, strangers, known)))


def _known(items: Iterable[ImageItem], root: Path) -> dict[str, set[Path]]:
    known: dict[str, set[Path]] = defaultdict(set)
    for item in items:
        parts = PurePosixPath(image_name(item.image, root)).parts if item.image.is_relative_to(root) else (item.id,)
        for start in range(len(parts)):
            known["/".join(parts[start:])].add(item.image)
        known[item.id].add(item.image)
    return known


def _meant(name: str, known: Mapping[str, set[Path]]) -> set[Path]:
    """The images that a name could be of; of an absolute path, which another machine may have written, its end."""
    plain = _without_ending(unicodedata.normalize("NFC", name).replace("\\", "/"))
    if not re.match(r"/|[A-Za-z]:/", plain):
        return known.get(plain.removeprefix("./"), set())
    parts = plain.split("/")[1:]
    ends = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((known[end] for end in ends if end in known), set())


def _without_ending(name: str) -> str:
    path = PurePosixPath(name)
    return name[: -len(path.suffix)] if path.suffix.lower() in IMAGE_SUFFIXES else name


def _strange(listed: TagList, strangers: list[str], known: Mapping[str, set[Path]]) -> list[Problem]:
    """One finding for all names that are of no image: an error only if no name fits, as the file may be of more."""
    if not strangers:
        return []
    near = nearest_image_name(strangers[0], known)
    hint = f" (did you mean {near!r}?)" if near else ""
    what = f"{len(strangers)} of {len(listed.tags)} names are of no image here: {first_names(strangers)}"
    if len(strangers) == len(listed.tags):
        return [Problem(str(listed.source), what, f"write the names as the images' files have them{hint}")]
    return [Problem(str(listed.source), what, f"right if it is of a larger set; else mend them{hint}", "warning")]


def first_names(names: Iterable[str]) -> str:
    """The first few of the names."""
    every = list(names)
    return ", ".join(map(repr, every[:_SHOWN])) + (", …" if len(every) > _SHOWN else "")


def nearest_image_name(name: str, others: Iterable[str]) -> str | None:
    """The name most like this one, if any is and there are not too many to compare."""
    every = list(others)
    near = nearest_names(_without_ending(name), every, least=0.8) if len(every) <= _MANY else []
    return near[0] if near else None
