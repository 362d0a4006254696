"""Kinds of columns: how each is stored, cropped to a view and batched."""

from typing import Literal, get_args

import numpy as np

ColumnKind = Literal["image", "grid", "vector", "sequence", "text"]
"""
image     a map [h, w] or [h, w, c] at any resolution; scaled, cropped and flipped with the image. Floats, and maps
          with channels, are resized smoothly (8 bits become 0 to 1); integers [h, w] are labels: nearest, IGNORE beyond
grid      [h, w, …] tokens over the whole image, of one shape for all images; `crop_token_grid` crops them to a view
vector    an array of one shape for all images that views do not change
sequence  [l, …] of any length per image; batches are padded with zeros, `NAME.length` holds the lengths
text      strings; a tuple per image, also in batches
"""

COLUMN_KINDS: tuple[str, ...] = get_args(ColumnKind)
LENGTH_SUFFIX = ".length"
"""Suffix of the name under which a batch holds the lengths of a sequence column."""

ColumnValue = np.ndarray | tuple[str, ...]
"""Value of a column for one image."""

_FEWEST_AXES = {"image": 2, "grid": 2, "vector": 0, "sequence": 1}
STORED_DTYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64,
    "F16": np.float16, "F32": np.float32, "F64": np.float64,
}  # fmt: skip
"""Types that stored arrays may have, by their name in a safetensors file."""


def checked_value(value: object, kind: ColumnKind) -> ColumnValue:
    """Returns the value as it is stored: strings as a tuple, arrays contiguous and in native byte order.

    Raises:
        ValueError: the value does not fit its kind, or has numbers that are not finite.
    """
    if kind == "text":
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise ValueError(f"expected a tuple of strings, got {type(value).__name__}; wrap a single string in a tuple")
    if not isinstance(value, np.ndarray):
        raise ValueError(f"expected a numpy array, got {type(value).__name__}; give text the kind 'text'")
    if value.dtype.type not in STORED_DTYPES.values():
        raise ValueError(f"arrays of {value.dtype} cannot be stored; convert to one of {', '.join(STORED_DTYPES)}")
    if value.ndim < _FEWEST_AXES[kind] or (kind == "image" and (value.ndim > 3 or value.size == 0)):
        raise ValueError(f"an array of shape {value.shape} is no {kind}; see `ColumnKind`")
    if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
        raise ValueError(f"{int((~np.isfinite(value)).sum())} of {value.size} numbers are NaN or infinite")
    return np.ascontiguousarray(value, value.dtype.newbyteorder("=")).reshape(value.shape)
