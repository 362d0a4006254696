"""What is dropped on the page, as images to look at; what cannot be one is said. Axes: h rows, w columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from seglet.data.errors import DataError
from seglet.images import decode_image, resize_by_factor

MEGABYTES = 32
"""Of a file; see `server.launch`, which refuses larger ones before they have arrived."""
MOST_IMAGES = 32
"""Dropped at once."""
SHORTEST = 8
"""Pixels of a side; less holds nothing to see."""
STRETCH = 16
"""Times that an image may be longer than wide."""
LONGEST_NAME = 80


@dataclass(frozen=True)
class Limits:
    """`max_pixels` are those of a file; images longer than `side` are looked at shrunk to it."""

    max_pixels: int = 24_000_000
    side: int = 1024


@dataclass(frozen=True)
class Dropped:
    """An image as it is looked at; `size` (h, w) is that of the file, `name` its harmless file name."""

    name: str
    image: UInt8[np.ndarray, "h w 3"]
    size: tuple[int, int]

    @property
    def stem(self) -> str:
        return Path(self.name).stem


def read_dropped(file: Path, limits: Limits) -> Dropped:
    """
    Raises:
        DataError: it is no image, damaged, too large, or of a shape that holds nothing to see; the file is named,
            without where it lies.
    """
    if file.stat().st_size > MEGABYTES * 1_000_000:
        raise DataError(f"{file.name!r} is larger than {MEGABYTES} MB; shrink the image, or use `seglet predict`")
    image = decode_image(file.read_bytes(), Path(file.name), limits.max_pixels)
    height, width = image.shape[:2]
    if min(height, width) < SHORTEST or max(height, width) > STRETCH * min(height, width):
        raise DataError(f"{file.name!r} is {width}x{height}; expected sides of {SHORTEST} pixels or more, and none "
                        f"more than {STRETCH} times the other; cut out what is to be seen")  # fmt: skip
    return Dropped(
        harmless(file.name), resize_by_factor(image, min(1.0, limits.side / max(height, width))), (height, width)
    )


def read_all(files: Sequence[Path], limits: Limits) -> tuple[list[Dropped], list[str]]:
    """The images, named apart, and what is wrong with each of the other files."""
    found: list[Dropped] = []
    wrong: list[str] = []
    taken: set[str] = set()
    for file in files[:MOST_IMAGES]:
        try:
            one = read_dropped(file, limits)
        except (ValueError, OSError) as error:
            wrong.append(
                str(error) if isinstance(error, ValueError) else f"{file.name!r} cannot be read; drop it again"
            )
            continue
        found.append(Dropped(_apart(one.name, taken), one.image, one.size))
    if len(files) > MOST_IMAGES:
        wrong.append(
            f"{len(files)} files were dropped, the first {MOST_IMAGES} are shown; `seglet predict` takes any number"
        )
    return found, wrong


def harmless(name: str) -> str:
    """A file's name of letters, digits, `-`, `_` and dots, which is none of a path, a page or a hidden file."""
    stem, suffix = Path(name).stem, Path(name).suffix
    plain = re.sub(r"[^\w.-]+", "_", stem).strip("._")[:LONGEST_NAME] or "image"
    return plain + re.sub(r"[^\w.]+", "", suffix)[:8]


def _apart(name: str, taken: set[str]) -> str:
    """The name, with a number if a mask of this name is there."""
    stem, suffix, number, free = Path(name).stem, Path(name).suffix, 1, Path(name).stem
    while free.casefold() in taken:
        number += 1
        free = f"{stem}-{number}"
    taken.add(free.casefold())
    return free + suffix
