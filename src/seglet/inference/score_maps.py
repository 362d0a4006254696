"""Files of score maps: arrays [k, h, w] of floats in [0, 1]. Axes: k classes, h rows, w columns."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from seglet.data.errors import DataError
from seglet.files import replace_atomically

SCORE_SUFFIXES = (".npy", ".npz")
_NAME = "scores"
_ROUNDING = 1e-3  # of half precision, in which they are kept
_BROKEN = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError)


def read_scores(path: Path, num_classes: int) -> Float32[np.ndarray, "k h w"]:
    """Reads a .npy file, or the array `scores` or the only one of a .npz file; code in the file is never run.

    Raises:
        DataError: the file is damaged or holds something else; says what.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        array = loaded if isinstance(loaded, np.ndarray) else _of_archive(loaded, path)
    except DataError:
        raise
    except _BROKEN as error:
        raise DataError(f"{str(path)!r} is no NumPy file of numbers ({error}); save it with numpy.save") from error
    if array.ndim != 3 or array.dtype.kind != "f" or not array.size:
        raise DataError(
            f"{str(path)!r} holds {array.dtype} {list(array.shape)}; expected floats [classes, rows, columns]"
        )
    if len(array) != num_classes:
        raise DataError(f"{str(path)!r} has scores of {len(array)} classes, the class table has {num_classes}")
    low, high = float(array.min()), float(array.max())
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        raise DataError(
            f"{str(path)!r} has scores from {low:g} to {high:g}, expected 0 to 1; save probabilities, not logits"
        )
    return np.asarray(array, np.float32).clip(0, 1)


def _of_archive(archive: "np.lib.npyio.NpzFile", path: Path) -> np.ndarray:
    with archive:
        names = archive.files
        if _NAME not in names and len(names) != 1:
            raise DataError(f"{str(path)!r} holds {len(names)} arrays, none called {_NAME!r}: {', '.join(names[:5])}")
        array: np.ndarray = archive[_NAME if _NAME in names else names[0]]
    return array


def write_scores(path: Path, scores: Float[np.ndarray, "k h w"]) -> None:
    """Writes a .npz file in half precision, whole or not at all."""
    with replace_atomically(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, scores=scores.astype(np.float16))
