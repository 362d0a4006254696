"""What kinds of columns there are: how each is stored, follows a view, and is batched."""

from typing import Literal, get_args

import numpy as np

ColumnKind = Literal["image", "grid", "vector", "sequence", "text"]
"""
image     a map [h, w] or [h, w, c] at any resolution; scaled, cropped and flipped with the image. Floats, and maps
          with channels, are resized smoothly (8 bits become 0 to 1); integers [h, w] are labels: nearest, IGNORE beyond
grid      [h, w, …] tokens over the whole image, of one shape for all images; `follow` takes the part a view shows
vector    an array of one shape for all images that views do not change
sequence  [l, …] of a length of its own for each image; batches are padded with zeros, `NAME.length` counts
text      strings; in batches as they are
"""

COLUMN_KINDS: tuple[str, ...] = get_args(ColumnKind)
LENGTH_SUFFIX = ".length"
"""Ends the name under which a batch holds the lengths of a sequence column."""

ColumnValue = np.ndarray | tuple[str, ...]
"""What a column holds for one image."""

_FEWEST_AXES = {"image": 2, "grid": 2, "vector": 0, "sequence": 1}
STORED_DTYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64,
    "F16": np.float16, "F32": np.float32, "F64": np.float64,
}  # fmt: skip
"""What an array may hold, by its name in a safetensors file."""


def checked_value(value: object, kind: ColumnKind) -> ColumnValue:
    """The value as it is stored: strings as a tuple, arrays in memory order.

    Raises:
        ValueError: it is not what its kind demands, or holds numbers that are not finite.
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
        raise ValueError(f"an array of shape {value.shape} is no {kind}; see `Kind`")
    if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
        raise ValueError(f"{int((~np.isfinite(value)).sum())} of {value.size} numbers are NaN or infinite")
    return np.ascontiguousarray(value, value.dtype.newbyteorder("=")).reshape(value.shape)
