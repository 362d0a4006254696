"""Facts about single files, independent of their data set: decoded once, stored by content hash.

Axes: h rows, w columns.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image

from seglet.data.class_table import pack_colours
from seglet.data.errors import DataError
from seglet.images import ImageHeader, TooLargeError, UsedRange, decode_mask, decode_stored, is_jpeg, read_header

_MAX_VALUES = 1024
LIMIT_OPTION = "`seglet data check DIR --max-pixels {}`"
"""The option that raises the limit for a data set, whichever command found the image."""


@dataclass(frozen=True)
class FileFacts:
    """Size and content of one file; `error` is empty if the file can be used.

    `size` is (h, w) of the upright image. `values` counts the pixels of each id of a mask, or of each packed colour if
    `coloured`; of more than 1024 only the most frequent are kept, while `distinct` counts them all. `lossy` is True for
    a JPEG mask, whose values are rough. `difference_hash` is the 64-bit difference hash of an image, equal for copies
    of other size. `header` says what is passed over in an image or a mask, `used` which range of values an image uses.
    """

    hash: str
    size: tuple[int, int] = (0, 0)
    error: str = ""
    difference_hash: int = 0
    coloured: bool = False
    distinct: int = 0
    values: Mapping[int, int] = field(default_factory=dict)
    lossy: bool = False
    header: ImageHeader = field(default_factory=ImageHeader)
    used: UsedRange = field(default_factory=UsedRange)

    def as_json(self) -> dict[str, Any]:
        """Returns the facts as plain JSON, without `hash` and `error`."""
        values = [[value, count] for value, count in self.values.items()]
        return {
            "size": list(self.size), "look": self.difference_hash, "coloured": self.coloured, "distinct": self.distinct,
            "values": values, **({"lossy": True} if self.lossy else {}), "header": asdict(self.header),
            "used": asdict(self.used),
        }  # fmt: skip


def facts_from_json(content_hash: str, row: Mapping[str, Any]) -> FileFacts:
    """Returns the facts that `as_json` wrote."""
    height, width = row["size"]
    values = {int(value): int(count) for value, count in row["values"]}
    size = (int(height), int(width))
    coloured, lossy = bool(row["coloured"]), bool(row.get("lossy", False))
    header, used = ImageHeader(**row["header"]), UsedRange(**row["used"])
    return FileFacts(
        content_hash, size, "", int(row["look"]), coloured, int(row["distinct"]), values, lossy, header, used
    )


def image_facts(content: bytes, content_hash: str, path: Path, max_pixels: int) -> FileFacts:
    """Decodes an image; a failure is in `error`."""
    try:
        stored = decode_stored(content, path, max_pixels)
    except TooLargeError as error:
        return FileFacts(content_hash, error=str(error.with_cure(LIMIT_OPTION)))
    except DataError as error:
        return FileFacts(content_hash, error=str(error))
    colours = stored.colours()
    return FileFacts(
        content_hash,
        (colours.shape[0], colours.shape[1]),
        difference_hash=difference_hash(colours),
        header=read_header(content),
        used=stored.used_range,
    )


def mask_facts(content: bytes, content_hash: str, path: Path, max_pixels: int) -> FileFacts:
    """Decodes a mask and counts its values; a failure is in `error`."""
    try:
        mask = decode_mask(content, path, max_pixels, lossy=True)
    except TooLargeError as error:
        return FileFacts(content_hash, error=str(error.with_cure(LIMIT_OPTION)))
    except DataError as error:
        return FileFacts(content_hash, error=str(error))
    values = _count(mask)
    most = dict(sorted(values.items(), key=lambda pair: -pair[1])[:_MAX_VALUES])
    size = (mask.shape[0], mask.shape[1])
    coloured, lossy = mask.ndim == 3, is_jpeg(content)
    header = read_header(content)
    return FileFacts(
        content_hash, size, coloured=coloured, distinct=len(values), values=most, lossy=lossy, header=header
    )


def _count(mask: Integer[np.ndarray, "h w *rgb"]) -> dict[int, int]:
    if mask.dtype == np.uint8 and mask.ndim == 2:
        counts = np.bincount(mask.ravel(), minlength=1)
        return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
    values, many = np.unique(pack_colours(mask) if mask.ndim == 3 else mask, return_counts=True)
    return dict(zip(values.tolist(), many.tolist(), strict=True))


def difference_hash(image: UInt8[np.ndarray, "h w 3"]) -> int:
    """Returns one bit per cell of an 8 x 8 grid, set if it is brighter than the cell on its right."""
    small = np.array(Image.fromarray(image).resize((9, 8), Image.Resampling.BOX).convert("L"))
    return int.from_bytes(np.packbits(small[:, :-1] > small[:, 1:]).tobytes())
