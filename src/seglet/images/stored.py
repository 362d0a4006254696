"""Values of an image as its file stores them, where they have more than 8 bits a channel.

Pillow reads colours of 16 bits as their upper bytes, which leaves 16 levels of 12 bits. The same pixels are therefore
decoded twice, once for the upper and once for the lower bytes.

Axes: h rows, w columns.
"""

import re
import sys
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from seglet.images.formats import open_content
from seglet.images.jpeg import decoded_jpeg
from seglet.images.value_range import FULL_RANGE, OWN_RANGE, WhiteLevels, scale_to_bytes, white_level

_SIXTEEN_BITS = re.compile(r"(RGB|RGBX|RGBA|LA);16([BLN])")
_ORIENTATION = 0x0112
_NEARLY_ALL = 0.999
_MOST_SORTED = 1_000_000
_LAYOUT_OF_GREY = "RGBA"
"""Raw mode in which a pixel of grey and alpha, 16 bits each, gives its four bytes."""


@dataclass(frozen=True)
class UsedRange:
    """Range that the stored values of an image use.

    `white` is its own white level, `largest` the largest value, and 99.9 % of the values are at most `bright`.
    """

    kind: Literal["bytes", "integers", "floats"] = "bytes"
    white: int = 255
    largest: float = 255
    bright: float = 255


@dataclass(frozen=True)
class StoredImage:
    """Values of an upright image, and the one that becomes white if the image is alone.

    Values are bytes [h, w, 3], or deeper integers or floats [h, w] or [h, w, 3].
    """

    values: np.ndarray
    white: int

    @property
    def used_range(self) -> UsedRange:
        """Range that the values use; of many values, `bright` is that of a part."""
        if self.values.size == 0:
            return UsedRange()
        kind: Literal["bytes", "integers", "floats"] = "integers"
        if self.values.dtype == np.uint8:
            kind = "bytes"
        elif self.values.dtype.kind == "f":
            kind = "floats"
        some = self.values.ravel()[:: max(1, self.values.size // _MOST_SORTED)]
        return UsedRange(kind, self.white, float(self.values.max()), float(np.quantile(some, _NEARLY_ALL)))

    def colours(self, whites: WhiteLevels = OWN_RANGE) -> UInt8[np.ndarray, "h w 3"]:
        """Returns the image in RGB, scaled by its white level or that of its data set."""
        scaled = scale_to_bytes(self.values, whites.of_image(self.white, self.values.dtype.kind == "f"))
        return scaled if scaled.ndim == 3 else scaled[..., None].repeat(3, axis=2)


def stored_image(image: Image.Image, content: bytes = b"") -> StoredImage:
    """Returns the values of an open image, turned upright by its EXIF orientation; its `content` may be decoded sooner.

    Raises:
        DataError: the range of its values is unknown; see `white_level`.
    """
    deep = deep_colours(image)
    if deep is not None:
        return StoredImage(deep, white_level(deep))
    declared = _declared_white(image)
    if image.format == "JPEG" and not _is_turned(image) and (colours := decoded_jpeg(content, image)) is not None:
        return StoredImage(colours, 255)
    image.load()
    upright = ImageOps.exif_transpose(image) if _is_turned(image) else image
    if not (upright.mode.startswith("I") or upright.mode == "F"):
        return StoredImage(np.array(_rgb(upright)), 255)
    values = np.array(upright)
    return StoredImage(values, max(white_level(values), declared))


def _is_turned(image: Image.Image) -> bool:
    return image.getexif().get(_ORIENTATION, 1) in range(2, 9)


def _rgb(image: Image.Image) -> Image.Image:
    """Returns colours without alpha; those stored under it show."""
    through = {"P": "RGBA" if "transparency" in image.info else "RGB", "RGBa": "RGBA", "La": "LA"}.get(image.mode)
    plain = image if through is None else image.convert(through)
    return plain if plain.mode == "RGB" else plain.convert("RGB")


def deep_colours(image: Image.Image) -> np.ndarray | None:
    """Returns red, green and blue of 16 bits, or the grey beside alpha, of an image that is not decoded yet."""
    raw = _SIXTEEN_BITS.fullmatch(raw_mode(image))
    if raw is None:
        return _portable_pixmap(image)
    bands, order = raw.groups()
    if bands == "LA":
        four = np.asarray(_decoded_as(image, _LAYOUT_OF_GREY)).astype(np.uint16)
        return np.asarray(four[..., 0] << 8 | four[..., 1])
    first, second = (np.asarray(_decoded_as(image, f"{bands};16{way}"))[..., :3] for way in "BL")
    swapped = order == "L" or (order == "N" and sys.byteorder == "little")
    high, low = (second, first) if swapped else (first, second)
    return np.asarray(high.astype(np.uint16) << 8 | low)


def raw_mode(image: Image.Image) -> str:
    """Returns how the file of an image that is not decoded yet packs its pixels, or nothing once it is."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return ""
    arguments = tiles[0].args
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _content_of(image: Any) -> bytes:
    """Returns the content of the file of an image that is not decoded yet."""
    place = image.fp.tell()
    image.fp.seek(0)
    content: bytes = image.fp.read()
    image.fp.seek(place)
    return content


def _decoded_as(image: Any, mode: str) -> Image.Image:
    """Decodes the same page of a file again, with its bytes in another order, and turns it upright."""
    again: Any = open_content(_content_of(image))
    if image.tell():
        again.seek(image.tell())
    again.tile = [
        tile._replace(args=(mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode) for tile in again.tile
    ]
    ImageOps.exif_transpose(again, in_place=True)
    return again  # type: ignore[no-any-return]


def _portable_pixmap(image: Any) -> np.ndarray | None:
    """Returns the colours of a binary PPM of 16 bits, which Pillow would scale to 8."""
    if image.mode != "RGB" or declared_largest(image, "ppm") != FULL_RANGE:
        return None
    values = np.frombuffer(_content_of(image), ">u2", image.width * image.height * 3, image.tile[0].offset)
    return values.reshape(image.height, image.width, 3).astype(np.uint16)


def _declared_white(image: Image.Image) -> int:
    """Returns the white level of a PGM that states its own, which Pillow scales to 16 bits; 0 for other files."""
    stated = declared_largest(image, "ppm", "ppm_plain")
    return FULL_RANGE if image.mode == "I" and 255 < stated < FULL_RANGE else 0


def declared_largest(image: Any, *decoders: str) -> int:
    """Returns the largest value that a PPM or PGM states, if one of these decoders of Pillow reads it, or else 0.

    The image is not decoded yet.
    """
    tiles = getattr(image, "tile", None)
    if image.format != "PPM" or not tiles or tiles[0].codec_name not in decoders:
        return 0
    return int(tiles[0].args[1])
