"""Images as data URIs, so that a page needs no file beside it. Axes: h rows, w columns."""

import base64
import io

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from seglet.images import colour_palette
from seglet.types import Classes


def mask_uri(labels: UInt8[np.ndarray, "h w"], size: tuple[int, ...], classes: Classes) -> str:
    """Returns a label map as a colour_palette PNG of this size (h, w), with void in white."""
    image = Image.fromarray(labels).resize((size[1], size[0]), Image.Resampling.NEAREST)
    image.putpalette(colour_palette(classes).tobytes())
    return image_uri(image, "PNG", optimize=True)


def grey_uri(values: Float[np.ndarray, "h w"], size: tuple[int, ...]) -> str:
    """Returns a map as a PNG of this size (h, w) in 16 shades of grey, from black for 0 to white for 1 and above."""
    image = Image.fromarray(np.asarray(values, np.float32)).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    steps = (np.array(image).clip(0, 1) * 15).round().astype(np.uint8)
    shades = Image.fromarray(steps)
    shades.putpalette([17 * step for step in range(16) for _ in range(3)])
    return image_uri(shades, "PNG", optimize=True)


def jpeg_uri(image: UInt8[np.ndarray, "h w 3"], size: tuple[int, ...]) -> str:
    """Returns an image as a JPEG of this size (h, w)."""
    small = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BOX)
    return image_uri(small, "JPEG", quality=80)


def image_uri(image: Image.Image, form: str, **options: object) -> str:
    """Returns an image in the format `form`, which is saved with these options."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
