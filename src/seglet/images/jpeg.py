"""JPEG decoded by libjpeg-turbo itself where the extra `fast` is installed: the same bytes as Pillow's, sooner."""

import functools
from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image


def decoded_jpeg(content: bytes, image: Image.Image) -> UInt8[np.ndarray, "h w 3"] | None:
    """Returns the colours of a JPEG; None where only Pillow can say what they are.

    Colours are those of three channels of 8 bits, and the file is sound to the last byte; all others, and faults, are
    Pillow's. `image` is the same content, opened and not decoded.
    """
    decoder = _decoder()
    if decoder is None or image.format != "JPEG" or image.mode != "RGB":
        return None
    try:
        colours: np.ndarray = decoder.decode_jpeg(content, "RGB", fastdct=False, fastupsample=False, strict=True)
    except ValueError:
        return None
    return colours if colours.shape == (image.height, image.width, 3) else None


@functools.cache
def _decoder() -> Any:
    """Returns the module `simplejpeg`, or None where it is not installed."""
    try:
        return import_module("simplejpeg")
    except ImportError:
        return None
