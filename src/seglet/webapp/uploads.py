"""Files that users drop on the page, read as images or refused with a message. Axes: h rows, w columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from seglet.data.errors import DataError
from seglet.images import decode_image, resize_by_factor
from seglet.web.limits import UPLOAD_MEGABYTES, UPLOAD_PIXELS

_MOST_IMAGES = 32
"""Largest number of images at once."""
_SHORTEST_SIDE = 8
"""Least length of a side, in pixels."""
_LARGEST_RATIO = 16
"""Largest ratio of the sides of an image."""
_LONGEST_NAME = 80
"""Characters of a file name without its suffix, at most."""


@dataclass(frozen=True)
class UploadLimits:
    """Largest number of pixels of a file, and of the longer side that it is shrunk to."""

    max_pixels: int = UPLOAD_PIXELS
    side: int = 1024


@dataclass(frozen=True)
class Upload:
    """Uploaded image, shrunk if it was too large; `size` (h, w) is that of the file, `name` a safe file name."""

    name: str
    image: UInt8[np.ndarray, "h w 3"]
    size: tuple[int, int]

    @property
    def stem(self) -> str:
        """File name without its suffix."""
        return Path(self.name).stem


def read_upload(file: Path, limits: UploadLimits) -> Upload:
    """Reads one file.

    Raises:
        DataError: it is no image, damaged, too large or too narrow; the message has its name without its folder.
    """
    if file.stat().st_size > UPLOAD_MEGABYTES * 1_000_000:
        raise DataError(f"{file.name!r} is larger than {UPLOAD_MEGABYTES} MB; shrink it or use `seglet predict`")
    image = decode_image(file.read_bytes(), Path(file.name), limits.max_pixels)
    height, width = image.shape[:2]
    if min(height, width) < _SHORTEST_SIDE or max(height, width) > _LARGEST_RATIO * min(height, width):
        raise DataError(f"{file.name!r} is {width}x{height}; expected sides of {_SHORTEST_SIDE} pixels or more, and "
                        f"none more than {_LARGEST_RATIO} times the other; crop the image")  # fmt: skip
    factor = min(1.0, limits.side / max(height, width))
    return Upload(safe_file_name(file.name), resize_by_factor(image, factor), (height, width))


def read_uploads(files: Sequence[Path], limits: UploadLimits) -> tuple[list[Upload], list[str]]:
    """Reads all files; returns the images, with distinct names, and a message for each file that cannot be used."""
    uploads: list[Upload] = []
    messages: list[str] = []
    taken: set[str] = set()
    for file in files[:_MOST_IMAGES]:
        try:
            upload = read_upload(file, limits)
        except ValueError as error:
            messages.append(str(error))
        except OSError:
            messages.append(f"{file.name!r} cannot be read; drop it again")
        else:
            uploads.append(Upload(_distinct_name(upload.name, taken), upload.image, upload.size))
    if len(files) > _MOST_IMAGES:
        messages.append(
            f"{len(files)} files were dropped, the first {_MOST_IMAGES} are shown; `seglet predict` takes any number"
        )
    return uploads, messages


def safe_file_name(name: str) -> str:
    """Returns the name with letters, digits, `-`, `_` and dots only: no path, no markup and no hidden file."""
    stem, suffix = Path(name).stem, Path(name).suffix
    plain = re.sub(r"[^\w.-]+", "_", stem).strip("._")[:_LONGEST_NAME] or "image"
    return plain + re.sub(r"[^\w.]+", "", suffix)[:8]


def _distinct_name(name: str, taken: set[str]) -> str:
    """Returns the name, with a number if its stem is among those `taken`, and adds the stem to them."""
    stem, suffix, number, free = Path(name).stem, Path(name).suffix, 1, Path(name).stem
    while free.casefold() in taken:
        number += 1
        free = f"{stem}-{number}"
    taken.add(free.casefold())
    return free + suffix
