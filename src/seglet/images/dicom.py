"""DICOM images, drawn as their files say, through pydicom (extra `dicom`). Axes: h rows, w columns."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from seglet.files import DataError
from seglet.images.formats import DECODING_ERRORS, TooLargeError

_INVERTED = "MONOCHROME1"
_LONGEST_REASON = 300
_GREYS = (_INVERTED, "MONOCHROME2")


def dicom_size(content: bytes, path: Path) -> tuple[int, int]:
    """Returns rows and columns; `path` is only for error messages.

    Raises:
        DataError: pydicom is missing, or the file holds no image.
    """
    with _explained(path):
        return _size(_read(content, pixels=False), path)


def dicom_frames(content: bytes, path: Path) -> int:
    """Returns the number of images in a file; `path` is only for error messages.

    Raises:
        DataError: pydicom is missing, or the file is damaged.
    """
    with _explained(path):
        return int(_read(content, pixels=False).get("NumberOfFrames", 1) or 1)


def decode_dicom(content: bytes, path: Path, max_pixels: int) -> UInt8[np.ndarray, "h w 3"]:
    """Decodes the first image of a file as a viewer draws it.

    Stored values become quantities (rescale slope and intercept, or a table), then greys by the first window of the
    file (centre and width, or a table), without one by the smallest and the largest value; `MONOCHROME1` is inverted.
    Padding is black. Colours are taken as they are.

    Raises:
        TooLargeError: it has more than `max_pixels` pixels.
        DataError: pydicom is missing, or the file is damaged, holds no image, or one that pydicom cannot decompress.
    """
    with _explained(path):
        dataset = _read(content, pixels=True)
        size = _size(dataset, path)
        if size[0] * size[1] > max_pixels:
            raise TooLargeError(path, size, max_pixels)
        if dataset.PhotometricInterpretation in _GREYS:
            return _as_bytes(_greys(dataset)).repeat(3, axis=2)
        from pydicom.pixels import pixel_array

        colours = np.asarray(pixel_array(dataset, index=0))
        if colours.ndim != 3 or colours.dtype != np.uint8:
            raise DataError(f"{str(path)!r} holds {dataset.PhotometricInterpretation} of {colours.dtype}; export it as "
                            "grey, or as colours of 8 bits")  # fmt: skip
        return colours


def _greys(dataset: Any) -> Float[np.ndarray, "h w"]:
    """Returns brightness in [0, 1]."""
    from pydicom.pixels import apply_modality_lut, pixel_array

    stored = np.asarray(pixel_array(dataset, index=0))
    padding = dataset.get("PixelPaddingValue")
    there = np.ones(stored.shape, np.bool_) if padding is None else stored != padding
    values = np.asarray(apply_modality_lut(stored, dataset), np.float64)
    unit = _windowed(values, values[there] if there.any() else values, dataset)
    if dataset.PhotometricInterpretation == _INVERTED:
        unit = 1 - unit
    return np.asarray(np.where(there, unit, 0))


def _windowed(
    values: Float[np.ndarray, "h w"], shown: Float[np.ndarray, " n"], dataset: Any
) -> Float[np.ndarray, "h w"]:
    """Returns values as brightness by the first window of the file; source: DICOM PS3.3, C.11.2.1."""
    if "WindowCenter" in dataset and "WindowWidth" in dataset:
        centre, width = (_first(dataset[name].value) for name in ("WindowCenter", "WindowWidth"))
        function = dataset.get("VOILUTFunction", "LINEAR")
        if function == "SIGMOID":
            return np.asarray(1 / (1 + np.exp(-4 * (values - centre) / width)))
        if function == "LINEAR":
            centre, width = centre - 0.5, width - 1
        return _between(values, centre - width / 2, centre + width / 2)
    if "VOILUTSequence" in dataset:
        from pydicom.pixels import apply_voi

        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return _between(np.asarray(apply_voi(values.astype(np.int64), dataset), np.float64), 0, 2**bits - 1)
    return _between(values, float(shown.min()), float(shown.max()))


def _between(values: Float[np.ndarray, "h w"], low: float, high: float) -> Float[np.ndarray, "h w"]:
    return np.asarray(((values - low) / (high - low if high > low else 1.0)).clip(0, 1))


def _first(value: Any) -> float:
    """Returns a number, or the first of several."""
    return float(value[0] if isinstance(value, Sequence) else value)


def _as_bytes(unit: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 1"]:
    return np.asarray((unit * 255).round().astype(np.uint8))[..., None]


def _size(dataset: Any, path: Path) -> tuple[int, int]:
    if "Rows" not in dataset or "Columns" not in dataset:
        raise DataError(f"{str(path)!r} is DICOM without an image, such as a report; leave it out")
    return int(dataset.Rows), int(dataset.Columns)


def _read(content: bytes, pixels: bool) -> Any:
    from pydicom import dcmread

    return dcmread(io.BytesIO(content), stop_before_pixels=not pixels)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Errors of pydicom within the block are told as those of the file; its warnings are left out."""
    try:
        from pydicom.errors import InvalidDicomError
    except ImportError as error:
        raise DataError(f"{str(path)!r} is DICOM, which needs pydicom; run `pip install 'seglet[dicom]'`") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except DataError:
            raise
        except (*DECODING_ERRORS, InvalidDicomError, AttributeError, NotImplementedError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:_LONGEST_REASON]
            raise DataError(f"{str(path)!r} cannot be read as DICOM ({reason}); export it uncompressed") from error
