"""Matches the names in a tag file to the images of a data set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seglet.data.description import ImageItem
from seglet.data.errors import Problem
from seglet.data.files import image_name
from seglet.data.names import ImageNames, first_names, match_names, nearest_image_name
from seglet.data.tags.taglist import TagList, TagNames

_SHOWN = 3


@dataclass(frozen=True)
class MatchedTags:
    """Tags of each image as written, by its path, and the names that match no image."""

    tags: Mapping[Path, TagNames]
    unmatched: tuple[str, ...]
    problems: tuple[Problem, ...]


def match_images(listed: TagList, items: Iterable[ImageItem], root: Path) -> MatchedTags:
    """Matches every name to an image, as `ImageNames` does."""
    known = ImageNames(((item.id, item.image) for item in items), root)
    found = match_names(listed.tags, known)
    problems = [_unclear(listed, name, images, root) for name, images in found.ambiguous.items()]
    problems += [
        Problem(str(listed.source), f"{first!r} and {name!r} are the same image", "keep one of them")
        for first, name in found.repeated
    ]
    tags = {image: listed.tags[name] for name, image in found.images.items()}
    return MatchedTags(tags, found.missing, (*problems, *_unmatched_problems(listed, found.missing, known)))


def _unclear(listed: TagList, name: str, images: tuple[Path, ...], root: Path) -> Problem:
    shown = [image_name(path, root) if path.is_relative_to(root) else str(path) for path in images[:_SHOWN]]
    if len(set(shown)) < len(shown):
        shown = [path.name for path in images[:_SHOWN]]
    what = f"{name!r} could be {' or '.join(map(repr, shown))}"
    return Problem(str(listed.source), what, "write it with its folder and its ending")


def _unmatched_problems(listed: TagList, unmatched: tuple[str, ...], known: ImageNames) -> list[Problem]:
    """Returns one problem for all unmatched names: an error only if no name matches, as files may list more images."""
    if not unmatched:
        return []
    near = nearest_image_name(unmatched[0], known.known)
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
