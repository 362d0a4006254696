"""The tags of every image, in train ids, from what a tag file says or from the masks."""

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

Tags = tuple[int, ...]


@dataclass(frozen=True)
class AssignedTags:
    """The tags of each image, by its path. All is empty, and `origin` None, where nobody wrote any.

    `spoilt` images have a tag that is no class, so none of theirs counts. `strangers` are names of no image.
    """

    origin: TagOrigin | None = None
    tags: Mapping[Path, Tags] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    spoilt: frozenset[Path] = frozenset()
    strangers: tuple[str, ...] = ()


def assign_tags(listed: TagList, items: Sequence[ImageItem], description: Description) -> AssignedTags:
    """What the file says about these items, with all that is wrong about its names and its tags."""
    found = match_images(listed, items, description.root)
    means = resolve_tags(found.tags, listed.source, description.entries)
    spoilt = frozenset(image for image, tags in found.tags.items() if not means.labels.keys() >= set(tags))
    tags = {
        image: tuple(sorted({label for tag in written if (label := means.labels[tag]) is not None}))
        for image, written in found.tags.items()
        if image not in spoilt
    }
    origin = TagOrigin(listed.form, listed.source, listed.hash)
    return AssignedTags(origin, tags, (*listed.problems, *found.problems, *means.problems), spoilt, found.strangers)


def tags_from_masks(
    items: Iterable[ImageItem], facts: Mapping[FileRequest, FileFacts], description: Description
) -> AssignedTags:
    """The classes that have a pixel in the image's mask, background aside."""
    labels = mask_value_labels(description)
    masks = {item.image: facts[FileRequest(item.mask, "mask")] for item in items if item.mask is not None}
    tags = {
        image: classes_in_mask(mask, labels, description.classes) for image, mask in masks.items() if not mask.error
    }
    return AssignedTags(TagOrigin("masks", description.root), tags)


def classes_in_mask(mask: FileFacts, labels: Mapping[int, int], classes: Classes) -> Tags:
    """The classes of the values that a mask holds, without background and void."""
    silent = (IGNORE, classes.background)
    return tuple(sorted({label for value in mask.values if (label := labels.get(value, IGNORE)) not in silent}))


def refuse_unnamed_classes(listed: TagList) -> AssignedTags:
    """What can be said of tags where masks were numbered as found: nothing."""
    what = "tags name classes, but nothing says which values they have in the masks"
    problem = Problem(str(listed.source), what, "add a classes.txt with a line `id name` for each class")
    return AssignedTags(TagOrigin(listed.form, listed.source, listed.hash), problems=(problem,))
