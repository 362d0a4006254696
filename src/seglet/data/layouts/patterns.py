"""Patterns by which the names of masks differ from those of their images, such as {}_segmentation."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from seglet.data.errors import DataError
from seglet.data.names import written_name

_PLACE = "{}"
_SAMPLE = 12
_CANDIDATES = 40
_KNOWN_ENDING = re.compile(
    r"[ _.-]+(?:masks?|gts?|labels?|l|segs?|segmentations?|annot|annotations?|ground[ _-]?truth|label(?:train)?ids)$",
    re.IGNORECASE,
)
"""Usual endings of names of masks, with what separates them from the name of the image."""


@dataclass(frozen=True)
class NamePattern:
    """Parts before and after what the names of an image and of its mask have in common; their folders are equal."""

    image: tuple[str, str]
    mask: tuple[str, str]

    def mask_name(self, name: str) -> str | None:
        """Returns the name of the mask of an image, or None if the image has another pattern."""
        folder, slash, last = name.rpartition("/")
        (before, after), (start, end) = self.image, self.mask
        if not (last.startswith(before) and last.endswith(after) and len(last) > len(before) + len(after)):
            return None
        return f"{folder}{slash}{start}{last[len(before) : len(last) - len(after)]}{end}"

    @cached_property
    def digits(self) -> int:
        """Number of digits outside the common part; a good pattern has none."""
        return sum(letter.isdigit() for part in (*self.image, *self.mask) for letter in part)

    @cached_property
    def length(self) -> int:
        """Number of letters outside the common part."""
        return sum(map(len, (*self.image, *self.mask)))

    def __str__(self) -> str:
        image, mask = _PLACE.join(self.image), _PLACE.join(self.mask)
        return mask if image == _PLACE else f"{image}={mask}"


def parse_name_pattern(text: str) -> NamePattern:
    """Returns the pattern that a user wrote: `{}_segmentation`, or `image_{}=mask_{}` if names of images differ too.

    Raises:
        DataError: the text has another form.
    """
    image, equals, mask = text.rpartition("=") if text.count(_PLACE) > 1 else (_PLACE, "=", text)
    if not equals or image.count(_PLACE) != 1 or mask.count(_PLACE) != 1 or "/" in image:
        raise DataError(
            f"{text!r} is no pattern of names; write {{}} for the name of the image, as in '{{}}_segmentation', or "
            "'image_{}=mask_{}'"
        )
    before, after = image.split(_PLACE)
    start, end = mask.split(_PLACE)
    return NamePattern((before, after), (start, end))


def apply_pattern(pattern: NamePattern, images: Sequence[str], masks: Sequence[str]) -> dict[str, str]:
    """Returns the masks that a pattern gives to images, by name; the pattern may end as the files of masks do.

    Where no mask has the name exactly, one that differs in case alone is taken.
    """
    exact = {name: name for name in masks}
    loose = {name.casefold(): name for name in masks}
    found: dict[str, str] = {}
    for name in images:
        wanted = pattern.mask_name(name)
        ways = [] if wanted is None else [wanted, written_name(wanted)]
        there = [exact[way] for way in ways if way in exact] or [
            loose[way] for way in map(str.casefold, ways) if way in loose
        ]
        if there and there[0] != name:
            found[name] = there[0]
    return found


def without_known_ending(name: str) -> str | None:
    """Returns the name of a mask without an ending such as `_mask` or `-gt`, or None if it has no such ending."""
    folder, slash, last = name.rpartition("/")
    found = _KNOWN_ENDING.search(last, 1)
    return f"{folder}{slash}{last[: found.start()]}" if found else None


@dataclass(frozen=True)
class LearntPattern:
    """Pattern with the masks that it gives to images, by name.

    `tie` is an image with its mask and another mask that another pattern gives it, if that pattern fits about as well.
    """

    pattern: NamePattern
    pairs: Mapping[str, str]
    tie: tuple[str, str, str] | None = None


def learn_pattern(images: Sequence[str], masks: Sequence[str]) -> LearntPattern | None:
    """Returns the pattern that pairs most of these images, or None if their names have nothing in common."""
    there = set(masks)
    tried = []
    for pattern in _candidates(images, masks):
        wanted = ((name, pattern.mask_name(name)) for name in images)
        tried.append(
            LearntPattern(pattern, {name: mask for name, mask in wanted if mask is not None and mask in there})
        )
    if not tried:
        return None
    tried.sort(key=lambda one: (-len(one.pairs), one.pattern.digits, one.pattern.length, str(one.pattern)))
    best = tried[0]
    rivals = (
        (name, mask, other.pairs[name])
        for other in tried[1:]
        if 2 * len(other.pairs) >= len(best.pairs) and other.pattern.digits <= best.pattern.digits
        for name, mask in best.pairs.items()
        if other.pairs.get(name, mask) != mask
    )
    return LearntPattern(best.pattern, best.pairs, next(rivals, None))


def _candidates(images: Sequence[str], masks: Sequence[str]) -> list[NamePattern]:
    """Returns the commonest patterns between some images and the masks that share their rarest part."""
    with_part: dict[tuple[str, str], list[str]] = defaultdict(list)
    for mask in masks:
        folder, _, last = mask.rpartition("/")
        for part in set(_parts(last)):
            with_part[folder, part].append(last)
    votes: Counter[NamePattern] = Counter()
    for name in images[:: max(1, len(images) // _SAMPLE)]:
        folder, _, last = name.rpartition("/")
        parts = _parts(last)
        shared = [with_part[folder, part] for part in sorted(set(parts)) if (folder, part) in with_part]
        for mask in min(shared, key=len, default=[])[:_CANDIDATES]:
            votes.update(set(_common(parts, _parts(mask))))
    return [pattern for pattern, _ in votes.most_common(_CANDIDATES)]


def _parts(name: str) -> list[str]:
    """Splits a name into numbers, words and single other signs."""
    return re.findall(r"\d+|[^\W\d_]+|[\W_]", name)


def _common(image: list[str], mask: list[str]) -> Iterator[NamePattern]:
    """Yields the pattern of every longest run of parts, with a letter or digit, that two names have in common."""
    for first, part in enumerate(image):
        for second, other in enumerate(mask):
            if part != other or (first and second and image[first - 1] == mask[second - 1]):
                continue
            length = 0
            while image[first + length :][:1] == mask[second + length :][:1] != []:
                length += 1
            if any(letter.isalnum() for word in image[first : first + length] for letter in word):
                yield NamePattern(
                    ("".join(image[:first]), "".join(image[first + length :])),
                    ("".join(mask[:second]), "".join(mask[second + length :])),
                )


def shared_pattern(image: str, mask: str) -> NamePattern | None:
    """Returns the pattern with the longest common part of two names, or None if they have none."""
    patterns: Iterable[NamePattern] = _common(_parts(image.rpartition("/")[2]), _parts(mask.rpartition("/")[2]))
    return min(patterns, key=lambda pattern: pattern.length, default=None)
