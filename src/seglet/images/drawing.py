"""Label maps in colour: written as palette PNG, or blended over their image. Axes: h rows, w columns."""

import io
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from seglet.files import DataError, write_atomically
from seglet.types import IGNORE, Classes


def write_mask(path: Path, labels: UInt8[np.ndarray, "h w"], classes: Classes) -> None:
    """Writes labels as a palette PNG in the colours of the classes, IGNORE in white; durably."""
    if labels.dtype != np.uint8:
        raise DataError(f"labels for {str(path)!r} are {labels.dtype}; convert them to uint8 ids")
    write_atomically(path, mask_png(labels, classes))


def mask_png(labels: UInt8[np.ndarray, "h w"], classes: Classes) -> bytes:
    """Returns the content of the file that `write_mask` writes."""
    image = Image.fromarray(labels)
    image.putpalette(colour_palette(classes).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def colour_palette(classes: Classes) -> UInt8[np.ndarray, "256 3"]:
    """Returns the colour of every label: those of the classes, white for IGNORE, black for the rest."""
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(classes)] = classes.colours
    colours[IGNORE] = 255
    return colours


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
