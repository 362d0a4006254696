"""The limit of the size of images while a folder or a file of annotations is read, whoever states the size."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from seglet.data.errors import DataError
from seglet.images import MAX_PIXELS, TooLargeError, image_size


@dataclass(frozen=True)
class PixelLimit:
    """Largest number of pixels of an image, and the option that raises it, in which `{}` stands for the number."""

    pixels: int = MAX_PIXELS
    option: str = "`seglet data check DIR --max-pixels {}`"


_USUAL = PixelLimit()
_LIMIT: ContextVar[PixelLimit] = ContextVar("pixel_limit", default=_USUAL)


@contextmanager
def pixel_limit(limit: PixelLimit) -> Iterator[None]:
    """Sets the limit for all sizes that are read inside the context, in this thread."""
    before = _LIMIT.set(limit)
    try:
        yield
    finally:
        _LIMIT.reset(before)


def current_pixel_limit() -> PixelLimit:
    """Returns the limit that is set, else that of 64 million pixels."""
    return _LIMIT.get()


def allowed_size(height: int, width: int) -> tuple[int, int]:
    """Returns the size (h, w) that a file states for an image.

    Raises:
        DataError: the image has more pixels than the limit; the message names the option and its value.
    """
    limit = _LIMIT.get()
    if height * width > limit.pixels:
        raise DataError(
            f"it claims a size of {width}x{height}, beyond the limit of {limit.pixels} pixels; correct it, or allow it "
            f"with {limit.option.format(height * width)}"
        )
    return height, width


def read_allowed_size(path: Path) -> tuple[int, int]:
    """Returns rows and columns of the upright image in a file.

    Raises:
        DataError: it is no image, or has more pixels than the limit; the message names the option and its value.
    """
    limit = _LIMIT.get()
    try:
        return image_size(path, limit.pixels)
    except TooLargeError as error:
        raise error.with_cure(limit.option) from error
