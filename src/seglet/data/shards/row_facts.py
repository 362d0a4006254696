"""From the bytes of an image and its mask to the row of a manifest; what is wrong with them is reported."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seglet.data.checking.file_facts import FileFacts, image_facts, mask_facts
from seglet.data.checking.validate import mask_value_labels, validate_image, validate_mask
from seglet.data.description import Description
from seglet.data.errors import Problem
from seglet.data.shards.manifest import ShardCounts
from seglet.data.shards.rows import ImageRow, StoredPart
from seglet.files import content_hash
from seglet.types import IGNORE


@dataclass(frozen=True)
class PartBytes:
    """The bytes of an image or a mask, where a shard has them, and the name that messages show."""

    content: bytes
    name: str
    offset: int
    shown: str

    @property
    def part(self) -> StoredPart:
        """Place of the bytes, with their hash."""
        return StoredPart(self.name, self.offset, len(self.content), content_hash(self.content))


def examine(
    identifier: str,
    image: PartBytes,
    mask: PartBytes | None,
    annotation: tuple[tuple[int, ...] | None, str],
    reading: Description,
) -> tuple[ImageRow, list[Problem]]:
    """Decodes an image and its mask, and returns their row and their problems.

    `annotation` holds the tags as train ids, or None, and the caption.
    """
    part = image.part
    facts = image_facts(image.content, part.hash, Path(image.shown), reading.max_pixels)
    problems = validate_image(image.shown, facts)
    tags, caption = annotation
    if mask is None:
        return ImageRow(identifier, part, None, tags, caption, facts.size), problems
    of_mask = mask.part
    found = mask_facts(mask.content, of_mask.hash, Path(mask.shown), reading.max_pixels)
    problems += validate_mask(mask.shown, found, facts, reading)
    labels, void = labels_in(found, mask_value_labels(reading))
    return ImageRow(identifier, part, of_mask, tags, caption, facts.size, labels, void), problems


def labels_in(mask: FileFacts, of_value: Mapping[int, int]) -> tuple[tuple[int, ...], float]:
    """Returns the train ids in a mask, in order, and the share of its pixels that have none, in [0, 1]."""
    pixels = mask.size[0] * mask.size[1]
    known = {value: of_value.get(value, IGNORE) for value in mask.values}
    kept = sum(count for value, count in mask.values.items() if known[value] != IGNORE)
    labels = tuple(sorted({label for label in known.values() if label != IGNORE}))
    return labels, round(1 - kept / pixels, 6) if pixels else 0.0


def count_rows(rows: list[ImageRow], classes: int) -> ShardCounts:
    """Returns the counts of a shard with these rows."""
    containing, tagging = [0] * classes, [0] * classes
    for row in rows:
        for label in row.labels or ():
            containing[label] += 1
        for label in row.tags or ():
            tagging[label] += 1
    labelled = sum(row.mask is not None for row in rows)
    tagged = sum(row.tags is not None for row in rows)
    return ShardCounts(labelled, tagged, tuple(containing), tuple(tagging))
