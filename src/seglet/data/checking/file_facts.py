"""What is to know about one file without knowing its data set: decoded once, kept by content.

Axes: h rows, w columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image

from seglet.data.class_table import pack_colours
from seglet.data.errors import DataError
from seglet.images import decode_image, decode_mask

_MAX_VALUES = 1024


@dataclass(frozen=True)
class FileFacts:
    """`size` is (h, w) of the upright image. `error` is empty if the file can be used.

    `values` counts the pixels of each id of a mask, or of each packed colour if `coloured`; of more than MAX_VALUES
    only the most frequent, `distinct` is how many there are. `look` is an image's 64-bit difference hash.
    """

    hash: str
    size: tuple[int, int] = (0, 0)
    error: str = ""
    difference_hash: int = 0
    coloured: bool = False
    distinct: int = 0
    values: Mapping[int, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        values = [[value, count] for value, count in self.values.items()]
        return {
            "size": list(self.size), "look": self.difference_hash, "coloured": self.coloured, "distinct": self.distinct,
            "values": values,
        }  # fmt: skip


def facts_from_json(content_hash: str, row: Mapping[str, Any]) -> FileFacts:
    height, width = row["size"]
    values = {int(value): int(count) for value, count in row["values"]}
    size = (int(height), int(width))
    return FileFacts(content_hash, size, "", int(row["look"]), bool(row["coloured"]), int(row["distinct"]), values)


def image_facts(content: bytes, content_hash: str, path: Path, max_pixels: int) -> FileFacts:
    try:
        image = decode_image(content, path, max_pixels)
    except DataError as error:
        return FileFacts(content_hash, error=str(error))
    return FileFacts(content_hash, (image.shape[0], image.shape[1]), difference_hash=_difference_hash(image))


def mask_facts(content: bytes, content_hash: str, path: Path, max_pixels: int) -> FileFacts:
    try:
        mask = decode_mask(content, path, max_pixels)
    except DataError as error:
        return FileFacts(content_hash, error=str(error))
    values = _count(mask)
    most = dict(sorted(values.items(), key=lambda pair: -pair[1])[:_MAX_VALUES])
    size = (mask.shape[0], mask.shape[1])
    return FileFacts(content_hash, size, coloured=mask.ndim == 3, distinct=len(values), values=most)


def _count(mask: Integer[np.ndarray, "h w *rgb"]) -> dict[int, int]:
    if mask.dtype == np.uint8 and mask.ndim == 2:
        counts = np.bincount(mask.ravel(), minlength=1)
        return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
    values, many = np.unique(pack_colours(mask) if mask.ndim == 3 else mask, return_counts=True)
    return dict(zip(values.tolist(), many.tolist(), strict=True))


def _difference_hash(image: UInt8[np.ndarray, "h w 3"]) -> int:
    """One bit for each of 8 x 8 places: is it brighter than its right neighbour? Twins of other size agree."""
    small = np.array(Image.fromarray(image).resize((9, 8), Image.Resampling.BOX).convert("L"))
    return int.from_bytes(np.packbits(small[:, :-1] > small[:, 1:]).tobytes())
