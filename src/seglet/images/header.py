"""Facts about an image file beside its pixels: further pages, EXIF orientation, bands that are not read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from seglet.images.formats import DECODING_ERRORS, is_dicom, open_content
from seglet.images.stored import raw_mode

_ORIENTATION = 0x0112
_SIDEWAYS = range(5, 9)
_KIND_OF_PAGE, _BANDS_OF_TIFF = 254, 277
_REDUCED_OR_MASK = 0b101
"""Bits of a TIFF page that is a smaller copy of another one, or its transparency."""
_PAGED_FORMATS = ("TIFF", "GIF", "PNG", "WEBP")
_CHUNKS_OF_ORIENTATION = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")
_NAMED_BANDS = {
    "LA": "grey and alpha", "La": "grey and alpha", "RGBA": "red, green, blue and alpha",
    "RGBa": "red, green, blue and alpha", "PA": "palette and alpha", "CMYK": "cyan, magenta, yellow and black",
}  # fmt: skip


@dataclass(frozen=True)
class ImageHeader:
    """Facts of an image file that a reader passes over.

    `pages` counts images of their own: pages or frames, without smaller copies of one. `turned` is True if an EXIF
    orientation turns or mirrors the image. `bands` names the bands if they are others than grey, or red, green and
    blue.
    """

    pages: int = 1
    turned: bool = False
    bands: str = ""


def read_header(content: bytes) -> ImageHeader:
    """Returns the facts in the header of an image that can be decoded."""
    if is_dicom(content):
        from seglet.images.dicom import dicom_frames

        return ImageHeader(dicom_frames(content, Path("image")))
    image = open_content(content)
    bands, pages = _bands(image), _pages(image)
    return ImageHeader(pages, may_be_turned(image, content) and is_turned(image), bands)


def may_be_turned(image: Image.Image, content: bytes) -> bool:
    """True unless the content of a PNG has no orientation, for which Pillow would decode it to look behind the pixels.

    Other formats state the orientation in their headers.
    """
    return image.format != "PNG" or any(chunk in content for chunk in _CHUNKS_OF_ORIENTATION)


def is_turned(image: Image.Image, sideways: bool = False) -> bool:
    """True if an EXIF orientation turns or mirrors the image or, if asked, exchanges its width and height."""
    return image.getexif().get(_ORIENTATION, 1) in (_SIDEWAYS if sideways else range(2, 9))


def _bands(image: Any) -> str:
    if image.format == "TIFF":
        count = int(image.tag_v2.get(_BANDS_OF_TIFF, 1))
        if count > len(image.getbands()) or count > 4:
            return f"{count} bands"
    if image.mode == "P" and "transparency" in image.info:
        return "palette with transparency"
    mode = "LA" if raw_mode(image).startswith("LA") else image.mode
    return f"{mode} ({_NAMED_BANDS[mode]})" if mode in _NAMED_BANDS else ""


def _pages(image: Any) -> int:
    """Returns the number of pages or frames; a file that is damaged behind the first has one."""
    if image.format not in _PAGED_FORMATS:
        return 1  # the second image of an MPO is a preview or the other eye
    try:
        count = int(getattr(image, "n_frames", 1))
        pages = sum(_is_page(image, place) for place in range(count)) if image.format == "TIFF" else count
        image.seek(0)
    except DECODING_ERRORS:
        return 1
    return pages


def _is_page(image: Any, place: int) -> bool:
    image.seek(place)
    return not int(image.tag_v2.get(_KIND_OF_PAGE, 0)) & _REDUCED_OR_MASK
