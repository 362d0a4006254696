"""Validates images and masks against the description of their data set, and finds images shared by splits."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from seglet.data.checking.file_facts import FileFacts
from seglet.data.checking.mask_values import looks_smoothed
from seglet.data.class_table import train_colours, train_ids, unpack_colour
from seglet.data.description import Description, ImageItem
from seglet.data.errors import Problem
from seglet.types import IGNORE

_NEAR_BITS = 2
"""Largest number of differing bits between the difference hashes of near duplicates."""
_PLAIN_BITS = 4
"""Least number of set and of unset bits in a difference hash; plainer images are not compared."""


def validate_image(name: str, facts: FileFacts) -> list[Problem]:
    """Returns an error if the image cannot be used."""
    return [_unusable(name, facts.error)] if facts.error else []


def validate_mask(name: str, facts: FileFacts, image: FileFacts, description: Description) -> list[Problem]:
    """Returns the problems of a mask: its size, its coding, and values of no class with their numbers of pixels."""
    if facts.error:
        return [_unusable(name, facts.error)]
    problems = []
    if not image.error and facts.size != image.size:
        (height, width), (rows, columns) = facts.size, image.size
        what, cure = f"is {width}x{height} but its image is {columns}x{rows}", "export it at the size of the image"
        if image.header.turned and (columns, rows) == (height, width):
            what += " after its EXIF rotation: the mask fits the image before it"
            cure = "turn the mask as the image is shown, or save the image upright, without EXIF orientation"
        else:
            cure += " (nearest neighbour)"
        problems.append(Problem(name, what, cure))
    if facts.coloured != (description.coding == "colour"):
        return [*problems, _other_coding(name, facts)]
    labels = mask_value_labels(description)
    unknown = {value: count for value, count in facts.values.items() if value not in labels}
    total = facts.size[0] * facts.size[1]
    counted = sum(facts.values.values())
    if sum(unknown.values()) + total - counted > description.stray * total:
        problems.append(_unknown(name, facts, unknown, description))
    elif all(labels.get(value, IGNORE) == IGNORE for value in facts.values):
        what = "every pixel is void"
        problems.append(
            Problem(name, what, "remove the pair if that is not intended; nothing can be learnt from it", "warning")
        )
    return problems


def mask_value_labels(description: Description) -> dict[int, int]:
    """Returns a map from mask value (a packed colour in colour-coded masks) to train id or IGNORE."""
    return train_colours(description.entries) if description.coding == "colour" else train_ids(description.entries)


def _unusable(name: str, error: str) -> Problem:
    what, _, cure = error.rpartition("; ")
    return Problem(name, what, cure)


def _other_coding(name: str, facts: FileFacts) -> Problem:
    if facts.coloured:
        cure = "export it with ids, or give a class table with colours and coding='colour'"
        return Problem(name, "is coded by colour, the data set by ids", cure)
    return Problem(name, "holds ids, the data set is coded by colour", "export it in colours, or say coding='index'")


def _unknown(name: str, facts: FileFacts, unknown: Mapping[int, int], description: Description) -> Problem:
    coloured = description.coding == "colour"

    def shown(values: Mapping[int, int], most: int) -> str:
        first = sorted(values.items(), key=lambda pair: -pair[1])[:most]
        text = ", ".join(f"{unpack_colour(value) if coloured else value} ({count} pixels)" for value, count in first)
        return text + (f" and {len(values) - most} more" if len(values) > most else "")

    kind = "colours" if coloured else "ids"
    what = f"holds {kind} of no class: {shown(unknown, 8)}; of all {facts.distinct} it holds {shown(facts.values, 8)}"
    if not coloured and set(unknown) == {0}:
        cure = "if 0 is unlabelled say --void 0 (in Python void=(0,)), or give 0 a line in the class table"
        return Problem(name, what, cure)
    many = facts.distinct > 30 and len(unknown) > facts.distinct // 2
    if not coloured and (many or looks_smoothed(facts.values)):
        cure = "export it as PNG again, or say from which grey on it is the object: --coding binary_255 --threshold 128"
        return Problem(name, f"looks smoothed, resized or saved as JPEG: it {what}", cure)
    if coloured:
        return Problem(name, what, "export without smoothing, add the colours to the table, or allow a `stray` share")
    if set(unknown) == {len(description.entries)} and 0 in facts.values:
        cure = "if 0 is background, put it first in the class table, whose names count from 0; else repair the mask"
        return Problem(name, what, cure)
    return Problem(name, what, "repair the mask, or add the ids to the class table")


def find_leaks(
    splits: Mapping[str, Iterable[ImageItem]], facts: Callable[[Path], FileFacts], show: Callable[[Path], str]
) -> list[Problem]:
    """Returns a warning for each training image that is also, exactly or nearly, an image of val or test."""
    cure = "remove one of the two, or scores will be too high"
    tested: dict[str, Path] = {}
    hashes: dict[int, Path] = {}
    for item in (item for name, items in splits.items() if name.startswith(("val", "test")) for item in items):
        tested[facts(item.image).hash] = item.image
        hashes[facts(item.image).difference_hash] = item.image
    blocks = _blocks(hashes)
    problems = []
    learnt = {
        item.image for name, items in splits.items() if name in ("train", "train_aug", "labelled") for item in items
    }
    for path in sorted(learnt):
        known = facts(path)
        if known.hash in tested:
            what = f"the same image as {show(tested[known.hash])!r} of another split"
            problems.append(Problem(show(path), what, cure, "warning"))
        elif (twin := _twin(known.difference_hash, blocks)) is not None:
            what = f"nearly the same image as {show(hashes[twin])!r} of another split"
            problems.append(Problem(show(path), what, cure, "warning"))
    return problems


def _blocks(hashes: Iterable[int]) -> dict[tuple[int, int], list[int]]:
    """Groups hashes by each of their quarters: if two differ in at most three bits, one quarter is equal."""
    blocks = defaultdict(list)
    for known in hashes:
        for quarter in range(4):
            blocks[quarter, known >> 16 * quarter & 0xFFFF].append(known)
    return blocks


def _twin(wanted: int, blocks: Mapping[tuple[int, int], list[int]]) -> int | None:
    if not _PLAIN_BITS <= wanted.bit_count() <= 64 - _PLAIN_BITS:
        return None
    near = (other for quarter in range(4) for other in blocks.get((quarter, wanted >> 16 * quarter & 0xFFFF), ()))
    return next((other for other in near if (other ^ wanted).bit_count() <= _NEAR_BITS), None)
