"""Reading and writing of images and masks as arrays, and label maps in colour.

The format is recognised by the content, whatever the name of the file. An image larger than `max_pixels` is refused
from its header, before memory is allocated. The default is 64 million; Pillow warns above 89 and refuses above 178
million in any case. Of files with several images the first is read.

Axes: h rows, w columns.
"""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image, ImageOps

from seglet.files import DataError, content_hash, read_bytes, write_atomically
from seglet.types import IGNORE, Classes

MAX_PIXELS = 64_000_000
IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""Formats that are opened, MPO as JPEG; Pillow supports many more, some of which start other programs."""
RAW_SUFFIXES = frozenset({".dng", ".arw", ".nef", ".nrw", ".cr2", ".cr3", ".raf", ".rw2", ".orf", ".pef", ".srw"})
"""Suffixes of raw files of cameras; some of them open as TIFF, but give only a small preview."""
_ORIENTATION = 0x0112
_NEARLY_GREY = 24
"""Largest difference between the channels of a JPEG mask whose colours are greys, blurred by compression."""
DECODING_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, KeyError, IndexError, TypeError,
    OverflowError, MemoryError,
)  # fmt: skip
"""Errors that Pillow raises on damaged files."""


def read_image(path: Path, max_pixels: int = MAX_PIXELS, expected_hash: str = "") -> UInt8[np.ndarray, "h w 3"]:
    """Reads an image in RGB, turned upright by its EXIF orientation.

    Grey is repeated, palettes are resolved, transparency is dropped (the colours stored under it show), 16 bits are
    scaled to 8. With `expected_hash` the content must have this hash.

    Raises:
        DataError: the file is no image, damaged, too large or changed, or holds floats, whose range is unknown.
    """
    return decode_image(_checked(path, expected_hash), path, max_pixels)


def decode_image(content: bytes, path: Path, max_pixels: int = MAX_PIXELS) -> UInt8[np.ndarray, "h w 3"]:
    """Decodes an image as `read_image` does; `path` is only for error messages."""
    image = _open(content, path, max_pixels)
    try:
        ImageOps.exif_transpose(image, in_place=True)
        return np.array(_rgb(image, path))
    except DataError:
        raise
    except DECODING_ERRORS as error:
        raise DataError(f"{str(path)!r} is damaged ({error}); download or export it again") from error


def image_size(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Reads rows and columns of the upright image from the header alone."""
    image = _open(_checked(path, ""), path, max_pixels)
    turned = image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    return (image.width, image.height) if turned else (image.height, image.width)


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
    image = _open(content, path, max_pixels)
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


def write_mask(path: Path, labels: UInt8[np.ndarray, "h w"], classes: Classes) -> None:
    """Writes labels as a palette PNG in the colours of the classes, IGNORE in white; durably."""
    if labels.dtype != np.uint8:
        raise DataError(f"labels for {str(path)!r} are {labels.dtype}; convert them to uint8 ids")
    image = Image.fromarray(labels)
    image.putpalette(colour_palette(classes).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())


def colour_palette(classes: Classes) -> UInt8[np.ndarray, "256 3"]:
    """Returns the colour of every label: those of the classes, white for IGNORE, black for the rest."""
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(classes)] = classes.colours
    colours[IGNORE] = 255
    return colours


def _checked(path: Path, expected_hash: str) -> bytes:
    content = read_bytes(path)
    if expected_hash and content_hash(content) != expected_hash:
        raise DataError(f"{str(path)!r} changed since the data were checked; run `seglet data check` again")
    return content


def _open(content: bytes, path: Path, max_pixels: int) -> Image.Image:
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
        known = ", ".join(IMAGE_FORMATS)
        raise DataError(f"{str(path)!r} is not a readable image; expected one of {known}, starts with "
                        f"{content[:12]!r}; download it again or remove it") from error  # fmt: skip
    if image.width * image.height > max_pixels:
        raise DataError(f"{str(path)!r} is {image.width}x{image.height}, beyond the {too_large}")
    return image


def _rgb(image: Image.Image, path: Path) -> Image.Image:
    if image.mode.startswith("I"):
        return _eight_bits(image, path).convert("RGB")
    if image.mode == "F":
        raise DataError(f"{str(path)!r} holds floats, whose range is unknown; save it with 8 or 16 bits a channel")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image, path: Path) -> Image.Image:
    values = np.array(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise DataError(f"{str(path)!r} holds 32-bit values; save it with 8 or 16 bits a channel")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))  # Pillow's own conversion clips to white


def _ids_or_colours(image: Image.Image, content: bytes, path: Path) -> Integer[np.ndarray, "h w *rgb"]:
    values = np.array(image)
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


def overlay_labels(
    image: UInt8[np.ndarray, "h w 3"], labels: UInt8[np.ndarray, "h w"], classes: Classes, opacity: float = 0.55
) -> UInt8[np.ndarray, "h w 3"]:
    """Blends labels in their colours over the image; void pixels keep the image.

    Raises:
        DataError: the sizes differ.
    """
    if image.shape[:2] != labels.shape:
        raise DataError(f"image is {image.shape[:2]} and labels are {labels.shape}; give both at one size (h, w)")
    mixed = (1 - opacity) * image + opacity * colour_palette(classes)[labels]
    return np.where((labels == IGNORE)[..., None], image, mixed.round()).astype(np.uint8)


def resize_by_factor(array: np.ndarray, factor: float, how: Image.Resampling = Image.Resampling.BOX) -> np.ndarray:
    """Resizes an image, or with NEAREST a mask, by a factor; averages to shrink and interpolates bilinearly to grow."""
    if factor == 1:
        return array
    height, width = (max(1, round(side * factor)) for side in array.shape[:2])
    smooth = how if factor < 1 or how == Image.Resampling.NEAREST else Image.Resampling.BILINEAR
    return np.array(Image.fromarray(array).resize((width, height), smooth))
