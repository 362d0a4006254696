"""The formats of image files that are opened, by their content, and how a file that is none is refused."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image, TiffImagePlugin

from seglet.files import DataError

MAX_PIXELS = 64_000_000
IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""Formats that are opened, MPO as JPEG; Pillow supports many more, some of which start other programs."""
RAW_SUFFIXES = frozenset({".dng", ".arw", ".nef", ".nrw", ".cr2", ".cr3", ".raf", ".rw2", ".orf", ".pef", ".srw"})
"""Suffixes of raw files of cameras; some of them open as TIFF, but give only a small preview."""
DECODING_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, KeyError, IndexError, TypeError,
    OverflowError, MemoryError,
)  # fmt: skip
"""Errors that Pillow raises on damaged files."""
_TIFF_PREFIXES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BIG = b"+"
"""Mark of a TIFF whose header has 16 bytes in place of 8."""
_BITS, _BANDS, _NUMBERS = 258, 277, 339
"""Tags of TIFF: bits of each band, number of bands, kind of numbers (3: floats)."""


def open_picture(content: bytes, path: Path, max_pixels: int) -> Image.Image:
    """Opens the content of a file without decoding its pixels; `path` is only for error messages.

    Raises:
        DataError: it is no image of `IMAGE_FORMATS`, or has more than `max_pixels` pixels.
    """
    too_large = f"limit of {max_pixels} pixels; shrink it, or raise max_pixels if it is meant"
    if not content:
        raise DataError(f"{str(path)!r} is empty (0 bytes); download or export it again")
    if path.suffix.lower() in RAW_SUFFIXES:
        raise DataError(f"{str(path)!r} is a camera's raw file; develop it to a PNG or TIFF of 8 or 16 bits a channel")
    try:
        image = Image.open(io.BytesIO(content), formats=IMAGE_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{str(path)!r} claims a size beyond the {too_large} ({error})") from error
    except DECODING_ERRORS as error:
        if bands := _tiff_bands(content):
            raise DataError(f"{str(path)!r} is a TIFF of {bands}, which cannot be read; export its grey band, or red, "
                            "green and blue, with 8 or 16 bits a channel") from error  # fmt: skip
        known = ", ".join(IMAGE_FORMATS)
        raise DataError(f"{str(path)!r} is not a readable image; expected one of {known}, starts with "
                        f"{content[:12]!r}; download it again or remove it") from error  # fmt: skip
    if image.width * image.height > max_pixels:
        raise DataError(f"{str(path)!r} is {image.width}x{image.height}, beyond the {too_large}")
    return image


def _tiff_bands(content: bytes) -> str:
    """Returns the bands that the first page of a TIFF says to have, or nothing where the content is no TIFF."""
    if not content.startswith(_TIFF_PREFIXES):
        return ""
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(content[: 16 if _BIG in content[:4] else 8])
        file = io.BytesIO(content)
        file.seek(tags.next)
        tags.load(file)
        bands, bits = tags.get(_BANDS, 1), tags.get(_BITS, (1,))
        kind = "floats" if 3 in tags.get(_NUMBERS, ()) else "bits"
    except DECODING_ERRORS:
        return ""
    deep = f"{bits[0]} bits" if kind == "bits" else f"floats of {bits[0]} bits"
    return f"{bands} band{'s' if bands > 1 else ''} of {deep}"
