"""Facts about images of measured channels, and the statistics of their stored values.

Axes: c channels, h rows, w columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from seglet.data.checking.file_facts import LIMIT_OPTION, FileFacts, difference_hash
from seglet.data.errors import DataError
from seglet.images import TooLargeError
from seglet.images.channels import check_channels
from seglet.images.raster import Window, open_raster
from seglet.images.value_range import Channel

_THUMBNAIL = 64
"""Pixels of the longest side of the copy from which near twins are recognised."""
_PIXELS_EACH, _PIXELS_OF_ALL = 4096, 2**22
"""Pixels of each image from which the range of a channel is taken, spread evenly, and of all images together."""
_TAIL = 0.5
"""Percentage of values below and above the range of a channel."""
_STRIP = 1024
"""Rows that are read at once."""


def channel_facts(content: bytes, content_hash: str, path: Path, max_pixels: int) -> FileFacts:
    """Reads the size of an image of channels; a failure is in `error`."""
    try:
        with open_raster(path, alpha=True) as raster:
            height, width = raster.size
            if height * width > max_pixels:
                raise TooLargeError(path, raster.size, max_pixels)
            small = raster.thumbnail(_THUMBNAIL)[..., 0].astype(np.float32)
            raster.values(Window(height - 1, 0, 1, width))  # the last row of a file that was cut off is missing
    except TooLargeError as error:
        return FileFacts(content_hash, error=str(error.with_cure(LIMIT_OPTION)))
    except DataError as error:
        return FileFacts(content_hash, error=str(error))
    return FileFacts(content_hash, (height, width), difference_hash=difference_hash(_as_colours(small)))


def _as_colours(plane: Float32[np.ndarray, "h w"]) -> np.ndarray:
    finite = np.where(np.isfinite(plane), plane, 0)
    low, high = float(finite.min()), float(finite.max())
    grey = ((finite - low) / max(high - low, 1e-30) * 255).astype(np.uint8)
    return grey[..., None].repeat(3, axis=2)


def with_channel_errors(facts: Mapping[Path, FileFacts], names: Sequence[str]) -> dict[Path, FileFacts]:
    """Returns the facts with an error for each image that has another number of channels."""
    found = dict(facts)
    for path, known in facts.items():
        if known.error:
            continue
        try:
            with open_raster(path, alpha=True) as raster:
                check_channels(raster, names)
        except DataError as error:
            found[path] = replace(known, error=str(error))
    return found


def measure_channels(
    paths: Sequence[Path], names: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> tuple[Channel, ...]:
    """Returns the channels of images with the statistics of their stored values; pixels without data do not count.

    Mean and deviation are those of all pixels, added up strip by strip so that a large mean costs no digits (Chan et
    al., 1979); the range is that of some of each image. A constant channel has the deviation 1.

    Raises:
        DataError: a file cannot be read, or no image holds data.
    """
    count, mean, spread = 0, np.zeros(len(names)), np.zeros(len(names))
    some: list[np.ndarray] = []
    each = max(1, min(_PIXELS_EACH, _PIXELS_OF_ALL // max(1, len(paths))))
    for done, path in enumerate(paths, start=1):
        with open_raster(path, alpha=True) as raster:
            check_channels(raster, names)
            height, width = raster.size
            step = max(1, height * width // each)
            for top in range(0, height, _STRIP):
                window = Window(top, 0, min(_STRIP, height - top), width)
                values = raster.values(window)[raster.valid(window)].astype(np.float64)
                if not len(values):
                    continue
                shift, part = values.mean(axis=0) - mean, len(values) / (count + len(values))
                spread += ((values - values.mean(axis=0)) ** 2).sum(axis=0) + shift**2 * count * part
                mean, count = mean + shift * part, count + len(values)
                some.append(values[::step].astype(np.float32))
        if progress is not None:
            progress(done, len(paths))
    if not count:
        raise DataError("no image holds data in its channels; check their nodata value")
    std = np.sqrt(spread / count)
    low, high = np.percentile(np.concatenate(some), (_TAIL, 100 - _TAIL), axis=0)
    rows = zip(names, mean, np.where(std > 1e-12 * np.maximum(np.abs(mean), 1e-30), std, 1.0), low, high, strict=True)
    return tuple(Channel(name, *(float(number) for number in numbers)) for name, *numbers in rows)
