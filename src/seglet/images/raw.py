"""Raw files of cameras, developed by LibRaw. Axes: h rows, w columns."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8, UInt16

from seglet.files import DataError

_SRGB = (2.4, 12.92)
"""Exponent and slope at black of sRGB's curve; LibRaw's own are those of BT.709."""


def develop_raw_file(path: Path, bits: Literal[8, 16] = 8) -> UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"]:
    """Develops a camera's raw file: the camera's white balance, sRGB, and the brightness that was measured.

    A dark photograph stays dark: LibRaw's automatic brightness is off.

    Raises:
        ValueError: rawpy is not installed, or, as a DataError, the file cannot be read.
    """
    rawpy = _rawpy()
    try:
        with rawpy.imread(str(path)) as raw:
            developed: np.ndarray = raw.postprocess(
                use_camera_wb=True, no_auto_bright=True, gamma=_SRGB, output_bps=bits
            )
    except (rawpy.LibRawError, OSError) as error:
        why = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise DataError(
            f"{str(path)!r} cannot be developed ({why}); convert it to DNG, or develop it elsewhere"
        ) from error
    return developed


def _rawpy() -> Any:
    try:
        import rawpy
    except ImportError as error:
        raise ValueError(
            'raw files of cameras are developed by rawpy; install it: pip install "seglet[raw]"'
        ) from error
    return rawpy
