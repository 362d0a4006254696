"""Files of score maps: arrays [k, h, w] of floats in [0, 1]. Axes: k classes, h rows, w columns."""

from math import prod
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from seglet.data.errors import DataError
from seglet.files import replace_atomically
from seglet.images import MAX_PIXELS, TooLargeError, read_array

SCORE_SUFFIXES = (".npy", ".npz")
_NAME = "scores"
_ROUNDING = 1e-3  # of half precision, in which they are kept


def read_scores(path: Path, num_classes: int) -> Float32[np.ndarray, "k h w"]:
    """Reads a .npy file, or the array `scores` or the only one of a .npz file; code in the file is never run.

    Raises:
        DataError: the file is damaged, too large or holds something else; says what.
    """

    def check(shape: tuple[int, ...], kind: "np.dtype[np.generic]") -> None:
        if len(shape) != 3 or kind.kind != "f" or not prod(shape):
            raise DataError(f"{str(path)!r} holds {kind} {list(shape)}; expected floats [classes, rows, columns]")
        if shape[0] != num_classes:
            raise DataError(f"{str(path)!r} has scores of {shape[0]} classes, the class table has {num_classes}")
        if shape[1] * shape[2] > MAX_PIXELS:
            raise TooLargeError(path, (shape[1], shape[2]), MAX_PIXELS)

    array = read_array(path, check, _NAME)
    low, high = float(array.min()), float(array.max())
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        raise DataError(
            f"{str(path)!r} has scores from {low:g} to {high:g}, expected 0 to 1; save probabilities, not logits"
        )
    return np.asarray(array, np.float32).clip(0, 1)


def write_scores(path: Path, scores: Float[np.ndarray, "k h w"]) -> None:
    """Writes a .npz file in half precision, whole or not at all."""
    with replace_atomically(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, scores=scores.astype(np.float16))
