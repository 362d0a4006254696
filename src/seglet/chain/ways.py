"""The choice of the way from labels to a student, and the reason for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from seglet.chain.facts import LabelFacts
from seglet.chain.request import WAYS, ChainRequest, LabelKind
from seglet.data.layouts.voc import VOC_TABLE
from seglet.methods.imagenet.groups import PUBLISHED_GROUPS, ClassGroup, class_groups
from seglet.types import Classes
from seglet.values import ConfigError, fold_spelling

Labeller = Literal["imagenet", "ssss", "diclip"]
"""Method that makes masks from tags."""


@dataclass(frozen=True)
class Way:
    """Labels that the student learns from, the method that makes them from tags, and why."""

    labels: LabelKind
    reason: str
    labeller: Labeller | None = None
    groups: str = ""


def choose_way(facts: LabelFacts, request: ChainRequest) -> Way:
    """Returns the way from the labels that are there.

    Points, lines and boxes that are given are used. Else masks are, if most images have one; a few of them, if there
    are more images without; and tags where there is no mask.

    Raises:
        ConfigError: there are no labels of the kind that is asked for, or none at all, or no method makes masks of
            these tags.
    """
    wanted = WAYS.get(request.learn_from)
    if wanted == "shapes" or (wanted is None and request.shapes is not None):
        return Way("shapes", "points, lines and boxes are given: they become masks that are void elsewhere")
    without = facts.unlabelled_images
    if facts.masked == facts.images and (
        without > facts.masked if wanted is None else without and wanted == "few masks"
    ):
        text = f"{facts.masked} images have masks and {without} have no labels"
        return Way("few masks", f"{text}: consistency training learns from both")
    if wanted in (None, "masks") and facts.masked == facts.images:
        return Way("masks", f"every image to learn from has a mask{_by(request)}")
    if wanted in (None, "tags") and facts.tagged:
        return _tags_way(facts, request)
    raise ConfigError(_nothing(facts, wanted))


def _by(request: ChainRequest) -> str:
    return f", and {request.teacher} teaches the student" if request.teacher else ""


def _tags_way(facts: LabelFacts, request: ChainRequest) -> Way:
    given = f"{facts.tagged} images have tags"
    if request.clip:
        return Way("tags", f"{given}, and {request.clip} is a CLIP that DiCLIP makes masks with", "diclip")
    source = request.groups or _published_groups(facts.classes)
    try:
        groups = class_groups(facts.classes, source)
    except ConfigError:
        if request.groups:
            raise
        groups = tuple(ClassGroup(name, (), "") for name in facts.classes.foreground.values())
    missing = [group.name for group in groups if not group.members and not group.source.startswith("left out")]
    if not missing:
        text = f"{given}, and ImageNet has classes for all of them: a frozen classifier makes masks"
        return Way("tags", text, "imagenet", source)
    if not facts.scored:
        raise ConfigError(
            f"ImageNet has no classes for {_listed(missing)}, and no image has a mask to train from tags by: say which "
            f"classes stand for them with --groups FILE (`{missing[0]}: […]`), give a CLIP with --clip MODEL, or draw "
            "some masks and put them with their images in a split `val`"
        )
    text = f"{given}, but ImageNet has no classes for {_listed(missing)}: a network learns from the tags themselves"
    return Way("tags", f"{text} (--groups FILE names classes that stand for them)", "ssss")


def _published_groups(classes: Classes) -> str:
    """Returns the published groups that have all classes; empty if none has."""
    known = {fold_spelling(entry.name) for entry in VOC_TABLE}
    return PUBLISHED_GROUPS[0] if {fold_spelling(name) for name in classes.foreground.values()} <= known else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _nothing(facts: LabelFacts, wanted: LabelKind | None) -> str:
    there = f"split {facts.train!r} has {facts.counts()}"
    if wanted == "few masks":
        return f"{there}; few masks need images without: a split `unlabelled`, or `seglet data split DIR --share 1/8`"
    if wanted is not None:
        return f"{there}; these are no {wanted} for all images: leave --learn-from out, or add them"
    if facts.masked:
        return (
            f"{there}; move the images without masks into a split `unlabelled`, or give the tags of all with --tags "
            "FILE"
        )
    return f"{there}; say which classes are in each image with --tags FILE, or draw masks, points, lines or boxes"
