"""Pairing of names of images with names of masks: equal ones, usual endings, and patterns that the names show."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from seglet.data.errors import Problem
from seglet.data.layouts.patterns import (
    LearntPattern,
    NamePattern,
    apply_pattern,
    learn_pattern,
    shared_pattern,
    without_known_ending,
)
from seglet.values import nearest_names

_MASK_SUFFIXES = ("", "_mask", "_masks", "_gt", "_label", "_labels", "_L", "_seg", "_labelIds", "_labelTrainIds")
"""Endings of names of masks that are tried for all images at once."""
_MANY = 2000


@dataclass
class NamePairing:
    """Name of the mask of each image, the patterns that were learnt with their counts, and patterns that tie."""

    masks: dict[str, str] = field(default_factory=dict)
    learnt: list[tuple[NamePattern, int]] = field(default_factory=list)
    ties: list[tuple[str, str, str]] = field(default_factory=list)
    """An image, and two names that its mask could have."""

    def doubts(self, folder: str, images: Sequence[str], masks: Sequence[str]) -> list[Problem]:
        """Returns a warning for each pattern learnt, and an error with a proposal where images stay without a mask."""
        found = [
            Problem(
                folder,
                f"{count} of its masks are paired with images by the pattern '{pattern}' of their names",
                "if that is wrong, say which with --mask-name",
                "warning",
            )
            for pattern, count in self.learnt
        ]
        for image, one, other in self.ties:
            ways = [f"--mask-name '{shared_pattern(image, mask)}'" for mask in (one, other)]
            what = f"image {image!r} could have the mask {one!r} or {other!r}"
            found.append(Problem(folder, what, f"choose with {' or '.join(ways)}"))
        lacking = [name for name in images if name not in self.masks]
        left = sorted(set(masks) - set(self.masks.values()))
        if lacking and left and not self.ties:
            found += _nearest(folder, lacking, left, bool(self.masks))
        return found


def _nearest(folder: str, lacking: Sequence[str], left: Sequence[str], some: bool) -> list[Problem]:
    """Returns a problem that shows the masks nearest to an image without one, and the pattern of the nearest."""
    image = lacking[0]
    near = nearest_names(image, left[:_MANY], count=2, least=0.6 if some else 0.0)
    if not near:
        return []
    lack = f"{len(lacking)} images have no mask of their names" if some else "no image has a mask of its name"
    what = f"{lack}; nearest to {image!r}: {' and '.join(map(repr, near))}"
    pattern = shared_pattern(image, near[0]) or "{}_mask"
    cure = f"rename them or, if the first is its mask, tell the pattern of the names: --mask-name '{pattern}'"
    return [Problem(folder, what, cure, "warning" if some else "error")]


def pair_names(images: Sequence[str], masks: Sequence[str], pattern: NamePattern | None = None) -> NamePairing:
    """Pairs names of images with names of masks, one to one.

    Without a `pattern`, names are tried in this order: as they are, or all with the ending that fits most of them; each
    with any usual ending, whatever its case; by patterns that at least two and half of the remaining names show, as
    long as fewer than half of the images have a mask; and without folders, where the folders of one of the two are
    missing in the other.
    """
    if pattern is not None:
        return NamePairing(apply_pattern(pattern, images, masks))
    there = set(masks)
    suffix = max(_MASK_SUFFIXES, key=lambda suffix: sum(name + suffix in there for name in images))
    found = NamePairing({name: name + suffix for name in images if name + suffix in there})
    _add_loose(found, images, masks)
    _add_learnt(found, images, masks)
    _add_across_folders(found, images, masks)
    return found


def _by_form(names: Iterable[str], form: Callable[[str], str]) -> dict[str, str]:
    """Returns the names by a form of them, without those whose form is not their own alone."""
    every = list(names)
    counts = Counter(map(form, every))
    return {form(name): name for name in every if counts[form(name)] == 1}


def _add_loose(found: NamePairing, images: Sequence[str], masks: Sequence[str]) -> None:
    """Adds masks that differ from an image in case, or by any usual ending; two for one image are a tie."""
    left = _left(found, images, masks)
    owners = _by_form(left[0], str.casefold)
    of: dict[str, list[str]] = defaultdict(list)
    for mask in left[1]:
        plain = without_known_ending(mask) or mask
        ways = (mask.casefold(), plain.casefold())
        owner = next((owners[way] for way in ways if way in owners), None)
        if owner is not None:
            of[owner].append(mask)
    for image, several in of.items():
        if len(several) == 1:
            found.masks[image] = several[0]
        elif not found.ties:
            found.ties.append((image, several[0], several[1]))


def _add_learnt(found: NamePairing, images: Sequence[str], masks: Sequence[str]) -> None:
    """Adds masks by patterns that the names show, unless half of the images have a mask already."""
    if 2 * len(found.masks) >= len(images):
        return
    while not found.ties:
        left_images, left_masks = _left(found, images, masks)
        learnt = learn_pattern(left_images, left_masks) if left_images and left_masks else None
        if learnt is None or not _is_convincing(learnt, left_images, left_masks):
            return
        if learnt.tie is not None:
            found.ties.append(learnt.tie)
            return
        found.masks |= learnt.pairs
        found.learnt.append((learnt.pattern, len(learnt.pairs)))


def _is_convincing(learnt: LearntPattern, images: Sequence[str], masks: Sequence[str]) -> bool:
    if len(learnt.pairs) < 2:
        return len(learnt.pairs) == len(images) == len(masks) == 1 and learnt.pattern.image == ("", "")
    return 2 * len(learnt.pairs) >= min(len(images), len(masks))


def _add_across_folders(found: NamePairing, images: Sequence[str], masks: Sequence[str]) -> None:
    """Adds masks that have the name of an image once the folders are left out that only one of the two has."""
    left_images, left_masks = _left(found, images, masks)
    if found.ties or not any("/" in name for name in (*left_images, *left_masks)):
        return
    alone = _by_form(images, _last)
    own = {_last(name): name for name in left_images if _last(name) in alone}
    of = _by_form(left_masks, _last)
    paired = pair_names(list(own), list(of))
    for last, mask_last in paired.masks.items():
        image, mask = own[last], of[mask_last]
        if _is_below(image, mask) or _is_below(mask, image):
            found.masks[image] = mask
    found.learnt += paired.learnt


def _is_below(name: str, other: str) -> bool:
    """True if the folders of the other name are the last folders of this one."""
    folder, above = name.rpartition("/")[0], other.rpartition("/")[0]
    return not above or f"/{folder}".endswith(f"/{above}")


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _left(found: NamePairing, images: Sequence[str], masks: Sequence[str]) -> tuple[list[str], list[str]]:
    used = set(found.masks.values())
    return [name for name in images if name not in found.masks], [name for name in masks if name not in used]
