"""The decoder of image files and masks, for every command and for Python.

The format is recognised by the content, whatever the name of the file. An image larger than `max_pixels` is refused
from its header, before memory is allocated; the default is 64 million. Of files with several images the first is read.

Axes: h rows, w columns.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image

from seglet.files import DataError, content_hash, read_bytes
from seglet.images.formats import DECODING_ERRORS, MAX_PIXELS, is_dicom, open_picture
from seglet.images.header import is_turned, may_be_turned
from seglet.images.stored import StoredImage, declared_largest, deep_colours, stored_image
from seglet.images.value_range import OWN_RANGE, WhiteLevels

_NEARLY_GREY = 24
"""Largest difference between the channels of a JPEG mask whose colours are greys, blurred by compression."""


def read_image(
    path: Path, max_pixels: int = MAX_PIXELS, expected_hash: str = "", whites: WhiteLevels = OWN_RANGE
) -> UInt8[np.ndarray, "h w 3"]:
    """Reads an image in RGB, turned upright by its EXIF orientation.

    Grey is repeated, palettes are resolved, transparency is dropped (the colours stored under it show). More than 8
    bits and floats are scaled by the range in use: that of the image (see `white_level`) or, with `whites`, that of its
    data set. DICOM is drawn by its own window. With `expected_hash` the content must have this hash.

    Raises:
        DataError: the file is no image, damaged, too large or changed, or the range of its values is unknown.
    """
    return decode_image(_checked(path, expected_hash), path, max_pixels, whites)


def decode_image(
    content: bytes, path: Path, max_pixels: int = MAX_PIXELS, whites: WhiteLevels = OWN_RANGE
) -> UInt8[np.ndarray, "h w 3"]:
    """Decodes an image as `read_image` does; `path` is only for error messages."""
    return decode_stored(content, path, max_pixels).colours(whites)


def decode_stored(content: bytes, path: Path, max_pixels: int = MAX_PIXELS) -> StoredImage:
    """Decodes the values of an image as its file stores them; `path` is only for error messages."""
    if is_dicom(content):
        from seglet.images.dicom import decode_dicom

        return StoredImage(decode_dicom(content, path, max_pixels), 255)
    image = open_picture(content, path, max_pixels)
    try:
        return stored_image(image, content)
    except DataError as error:
        raise DataError(f"{str(path)!r} {error}") from error
    except DECODING_ERRORS as error:
        raise DataError(f"{str(path)!r} is damaged ({error}); download or export it again") from error


def picture_colours(picture: Image.Image, whites: WhiteLevels = OWN_RANGE) -> UInt8[np.ndarray, "h w 3"]:
    """Returns an image that Pillow opened or made in RGB, as `read_image` reads the file that it is from.

    Raises:
        DataError: the range of its values is unknown.
    """
    try:
        return stored_image(picture).colours(whites)
    except DataError as error:
        raise DataError(f"the image {error}") from error


def image_size(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Reads rows and columns of the upright image from the header alone."""
    content = _checked(path, "")
    if is_dicom(content):
        from seglet.images.dicom import dicom_size

        return dicom_size(content, path)
    image = open_picture(content, path, max_pixels)
    may_turn = image.format != "TIFF" and may_be_turned(image, content)  # of a TIFF Pillow states the upright size
    sideways = may_turn and is_turned(image, sideways=True)
    return (image.width, image.height) if sideways else (image.height, image.width)


def read_mask(
    path: Path, max_pixels: int = MAX_PIXELS, expected_hash: str = "", lossy: bool = False
) -> Integer[np.ndarray, "h w *rgb"]:
    """Reads the values of a mask as stored: ids [h, w] of a grey or palette file, or colours [h, w, 3] of an RGB file.

    Values are not scaled, and an EXIF orientation is not applied: masks belong to the upright image. With `lossy` a
    JPEG is read as well: as greys [h, w], if its colours are nearly grey.

    Raises:
        DataError: as for images, and for partial transparency, and, unless `lossy`, for JPEG, which blurs ids.
    """
    return decode_mask(_checked(path, expected_hash), path, max_pixels, lossy)


def decode_mask(
    content: bytes, path: Path, max_pixels: int = MAX_PIXELS, lossy: bool = False
) -> Integer[np.ndarray, "h w *rgb"]:
    """Decodes a mask as `read_mask` does; `path` is only for error messages."""
    image = open_picture(content, path, max_pixels)
    compressed = is_jpeg(content)
    if compressed and not lossy:
        raise DataError(f"mask {str(path)!r} is a JPEG, which blurs ids at borders; export masks as PNG")
    try:
        return _greys(image) if compressed else _ids_or_colours(image, content, path)
    except DataError:
        raise
    except DECODING_ERRORS as error:
        raise DataError(f"mask {str(path)!r} is damaged ({error}); export it again") from error


def is_jpeg(content: bytes) -> bool:
    """True if the content begins as JPEG does, which stores values only roughly."""
    return content.startswith(b"\xff\xd8\xff")


def _checked(path: Path, expected_hash: str) -> bytes:
    content = read_bytes(path)
    if expected_hash and content_hash(content) != expected_hash:
        raise DataError(f"{str(path)!r} changed since the data were checked; run `seglet data check` again")
    return content


def _ids_or_colours(image: Image.Image, content: bytes, path: Path) -> Integer[np.ndarray, "h w *rgb"]:
    colours = deep_colours(image)
    if colours is not None and colours.ndim == 3:
        return _bytes_of_deep(colours, path)
    stated = declared_largest(image, "ppm", "ppm_plain")
    values = np.array(image)
    if stated not in (0, 255):  # Pillow scaled them to 8 or 16 bits
        values = np.rint(values * (stated / (65535 if image.mode == "I" else 255))).astype(values.dtype)
    if image.mode in ("LA", "PA", "RGBA"):
        if values[..., -1].min() < 255:
            raise DataError(f"mask {str(path)!r} is partly transparent; flatten it to ids or colours without alpha")
        values = values[..., 0] if image.mode != "RGBA" else values[..., :3]
    if image.mode not in ("1", "L", "P", "I", "I;16", "I;16B", "I;16L", "LA", "PA", "RGB", "RGBA"):
        raise DataError(f"mask {str(path)!r} has mode {image.mode}; save it as 8-bit grey, palette or RGB PNG")
    if values.dtype == np.bool_:
        values = values.astype(np.uint8)
    if image.mode == "L" and image.format == "PNG":
        values = values // np.uint8(_grey_step(content))
    return values


def _bytes_of_deep(colours: Integer[np.ndarray, "h w 3"], path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Returns colours of 16 bits that are bytes, alone or repeated, as these bytes."""
    if colours.max(initial=0) <= 255:
        return colours.astype(np.uint8)
    if (colours % 257).any():
        raise DataError(f"mask {str(path)!r} holds colours of 16 bits a channel; export it with 8 bits")
    return (colours // 257).astype(np.uint8)


def _greys(image: Image.Image) -> Integer[np.ndarray, "h w *rgb"]:
    """Returns the brightness of a JPEG, or its colours if they are not nearly grey."""
    if image.mode == "L":
        return np.array(image)
    colours = np.array(image.convert("RGB"))
    coloured = np.ptp(colours.astype(np.int16), axis=-1).max() > _NEARLY_GREY
    return colours if coloured else np.array(image.convert("L"))


def _grey_step(png: bytes) -> int:
    """Returns the factor by which Pillow scales grey of 2 or 4 bits to 0..255, from the header of the file."""
    depth, colour_type = png[24], png[25]
    return {2: 85, 4: 17}.get(depth, 1) if colour_type == 0 else 1
