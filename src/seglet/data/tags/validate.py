"""Validates the tags of a split: images without tags, and contradictions to masks or between copies of an image."""

from collections.abc import Mapping, Sequence

from seglet.data.checking.file_facts import FileFacts
from seglet.data.checking.scan import FileRequest
from seglet.data.checking.validate import mask_value_labels
from seglet.data.description import Description, ImageItem
from seglet.data.errors import Problem
from seglet.data.layouts.found import missing_mask_problem
from seglet.data.names import first_names, nearest_image_name
from seglet.data.splits.fractions import UNLABELLED_NAMES
from seglet.data.tags.assign import AssignedTags, classes_in_mask


def unusable_images(
    name: str, items: Sequence[ImageItem], assigned: AssignedTags, unmasked: Sequence[ImageItem]
) -> dict[ImageItem, Problem]:
    """Returns an error for each image of a split that can be used for nothing.

    That is an image that should have a mask and has none, unless it has tags and the split is not for scoring; and an
    image without tags and mask in a split whose other images have tags.
    """
    expected = set(unmasked)
    scored = name.startswith(("val", "test"))
    any_tagged = any(item.image in assigned.tags for item in items)
    found = {}
    for item in (item for item in items if item.mask is None and name not in UNLABELLED_NAMES):
        tagged = item.image in assigned.tags or item.image in assigned.invalid
        if not tagged and any_tagged and not name.startswith("test"):
            found[item] = _untagged(item, assigned)
        elif item in expected and (scored or not tagged):
            found[item] = missing_mask_problem(item)
    return found


def _untagged(item: ImageItem, assigned: AssignedTags) -> Problem:
    near = nearest_image_name(item.id, assigned.unmatched)
    hint = f" (it names {near!r}: is that the one?)" if near else ""
    what = f"image without tags: {_source(assigned)} does not name it{hint}"
    return Problem(str(item.image), what, "add it there, or move the image to a folder of unlabelled ones")


def missing_tags(name: str, items: Sequence[ImageItem], assigned: AssignedTags) -> list[Problem]:
    """Returns warnings about images with a mask but no tags, images without any class, and splits without any tags.

    The last is reported only for splits without masks.
    """
    if name.startswith(("test", *UNLABELLED_NAMES)) or assigned.origin is None:
        return []
    lacking = [item for item in items if item.image not in assigned.tags and item.image not in assigned.invalid]
    masked = [item.id for item in lacking if item.mask is not None]
    if len(lacking) == len(items):
        what = f"none of its {len(items)} images is named in {_source(assigned)}"
        return [] if masked or not items else [_warning(name, what, "correct if nothing is learnt from it")]
    problems = []
    if masked:
        what = f"{len(masked)} of {len(items)} images are not named in {_source(assigned)}: {first_names(masked)}"
        problems.append(_warning(name, what, "their tags are taken from their masks; add them if that is not intended"))
    if empty := [item.id for item in items if assigned.tags.get(item.image) == ()]:
        what = f"{len(empty)} of {len(items)} images have no tag: {first_names(empty)}"
        problems.append(_warning(name, what, "correct if they show none of the classes; else tag them"))
    return problems


def contradicting_tags(
    name: str, items: Sequence[ImageItem], facts: Mapping[FileRequest, FileFacts], description: Description
) -> list[Problem]:
    """Returns warnings where the tags of a split differ from its masks, or equal images have different tags."""
    labels = mask_value_labels(description)
    names = description.classes.names
    against: dict[str, str] = {}
    twins: dict[str, ImageItem] = {}
    problems = []
    for item in (item for item in items if item.tags is not None):
        if item.mask is not None:
            shown = classes_in_mask(facts[FileRequest(item.mask, "mask")], labels, description.classes)
            if odd := sorted(set(shown) ^ set(item.tags or ())):
                against[item.id] = ", ".join(names[label] for label in odd)
        twin = twins.setdefault(item.image_hash, item)
        if twin.tags != item.tags:
            what = f"is the same image as {twin.id!r} and has other tags"
            problems.append(Problem(str(item.image), what, "keep one, with the tags of both", "warning"))
    if against:
        first = next(iter(against))
        what = f"tags and masks of {len(against)} images name different classes: of {first!r}, {against[first]}"
        cure = "training uses the tags and scores use the masks; correct whichever is wrong"
        problems.append(_warning(name, what, cure))
    return problems


def _source(assigned: AssignedTags) -> str:
    return "the tags" if assigned.origin is None else assigned.origin.source.name


def _warning(split: str, what: str, cure: str) -> Problem:
    return Problem(f"split {split}", what, cure, "warning")
