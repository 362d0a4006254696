"""Assigns tags, in train ids, to images, from a tag file or from the masks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seglet.data.checking.file_facts import FileFacts
from seglet.data.checking.scan import FileRequest
from seglet.data.checking.validate import mask_value_labels
from seglet.data.description import Description, ImageItem, TagOrigin
from seglet.data.errors import Problem
from seglet.data.tags.match import match_images
from seglet.data.tags.resolve import resolve_tags
from seglet.data.tags.taglist import TagList
from seglet.types import IGNORE, Classes

_Tags = tuple[int, ...]


@dataclass(frozen=True)
class AssignedTags:
    """Tags of each image by its path; everything is empty, and `origin` None, if there are no tags.

    Images in `invalid` have a tag that is no class, so that none of their tags is used. `unmatched` are names in the
    file that belong to no image.
    """

    origin: TagOrigin | None = None
    tags: Mapping[Path, _Tags] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    invalid: frozenset[Path] = frozenset()
    unmatched: tuple[str, ...] = ()


def assign_tags(listed: TagList, items: Sequence[ImageItem], description: Description) -> AssignedTags:
    """Returns the tags that a file gives these items, with the problems of its names and tags."""
    found = match_images(listed, items, description.root)
    resolved = resolve_tags(found.tags, listed.source, description.entries)
    invalid = frozenset(image for image, tags in found.tags.items() if not resolved.labels.keys() >= set(tags))
    tags = {
        image: tuple(sorted({label for tag in written if (label := resolved.labels[tag]) is not None}))
        for image, written in found.tags.items()
        if image not in invalid
    }
    origin = TagOrigin(listed.form, listed.source, listed.hash)
    return AssignedTags(origin, tags, (*listed.problems, *found.problems, *resolved.problems), invalid, found.unmatched)


def tags_from_masks(
    items: Iterable[ImageItem], facts: Mapping[FileRequest, FileFacts], description: Description
) -> AssignedTags:
    """Returns the classes that have a pixel in the mask of each image, without background."""
    labels = mask_value_labels(description)
    masks = {item.image: facts[FileRequest(item.mask, "mask")] for item in items if item.mask is not None}
    tags = {
        image: classes_in_mask(mask, labels, description.classes) for image, mask in masks.items() if not mask.error
    }
    return AssignedTags(TagOrigin("masks", description.root), tags)


def classes_in_mask(mask: FileFacts, labels: Mapping[int, int], classes: Classes) -> _Tags:
    """Returns the classes of the values in a mask, without background and void."""
    excluded = (IGNORE, classes.background)
    return tuple(sorted({label for value in mask.values if (label := labels.get(value, IGNORE)) not in excluded}))


def refuse_unnamed_classes(listed: TagList) -> AssignedTags:
    """Returns no tags and an error: masks without named classes cannot be related to tags."""
    what = "tags name classes, but nothing says which values they have in the masks"
    problem = Problem(str(listed.source), what, "add a classes.txt with a line `id name` for each class")
    return AssignedTags(TagOrigin(listed.form, listed.source, listed.hash), problems=(problem,))
