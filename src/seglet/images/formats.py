"""The formats of image files that are opened, by their content, and how a file that is none is refused."""

import contextlib
import io
import struct
import zlib
from pathlib import Path

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

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
_PREAMBLE, _DICOM = 128, b"DICM"
_TIFF_PREFIXES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_OPEN_EXR = b"\x76\x2f\x31\x01"
"""First bytes of an OpenEXR file."""
_BIG = b"+"
"""Mark of a TIFF whose header has 16 bytes in place of 8."""
_BITS, _BANDS, _NUMBERS = 258, 277, 339
"""Tags of TIFF: bits of each band, number of bands, kind of numbers (3: floats)."""


def is_dicom(content: bytes) -> bool:
    """True if the content has the mark of DICOM behind its preamble."""
    return content[_PREAMBLE : _PREAMBLE + len(_DICOM)] == _DICOM


class TooLargeError(DataError):
    """An image that has more pixels than it may have; whoever knows how to allow them says so by `with_cure`."""

    def __init__(self, path: Path, size: tuple[int, int], limit: int) -> None:
        super().__init__(
            f"{str(path)!r} is {size[1]}x{size[0]}, beyond the limit of {limit} pixels; shrink it or cut it into tiles"
        )
        self.pixels = size[0] * size[1]

    def with_cure(self, option: str) -> DataError:
        """Returns an error that also names the option, in which `{}` stands for the number of pixels that it takes."""
        return DataError(f"{self}, or allow its size with {option.format(self.pixels)}")


def open_picture(content: bytes, path: Path, max_pixels: int) -> Image.Image:
    """Opens the content of a file without decoding its pixels; `path` is only for error messages.

    Raises:
        TooLargeError: it has more than `max_pixels` pixels.
        DataError: it is no image of `IMAGE_FORMATS`.
    """
    if not content:
        raise DataError(f"{str(path)!r} is empty (0 bytes); download or export it again")
    if path.suffix.lower() in RAW_SUFFIXES:
        raise DataError(
            f"{str(path)!r} is a camera's raw file; develop it: seglet data develop {str(path)!r} --out DIR"
        )
    if content.startswith(_OPEN_EXR):
        raise DataError(
            f"{str(path)!r} is OpenEXR, which is not read; save its numbers as an array (.npy or .pfm) or, if they are "
            "colours, as PNG or TIFF of 16 bits a channel"
        )
    try:
        image = open_content(content)
    except DECODING_ERRORS as error:
        if bands := _tiff_bands(content):
            raise DataError(f"{str(path)!r} is a TIFF of {bands}, which cannot be read; export its grey band, or red, "
                            "green and blue, with 8 or 16 bits a channel; or learn from all of them as stored: "
                            "`seglet data check DIR --channels NAME …`") from error  # fmt: skip
        known = ", ".join(IMAGE_FORMATS)
        raise DataError(f"{str(path)!r} is not a readable image; expected one of {known}, starts with "
                        f"{content[:12]!r}; download it again or remove it") from error  # fmt: skip
    if image.width * image.height > max_pixels:
        raise TooLargeError(path, (image.height, image.width), max_pixels)
    return image


def open_content(content: bytes) -> Image.Image:
    """Opens an image as Pillow does, but without its own limit, which is the same whatever is asked for.

    Raises:
        OSError: the content is of none of `IMAGE_FORMATS`.
    """
    if not Image.OPEN.keys() >= set(IMAGE_FORMATS):
        Image.init()
    for form in IMAGE_FORMATS:
        factory, accept = Image.OPEN.get(form, (None, None))
        with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):  # as Pillow does: not this format
            if factory is not None and (accept is None or accept(content[:16]) is True):
                return factory(io.BytesIO(content), "")
    raise UnidentifiedImageError("of none of the known formats")


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
