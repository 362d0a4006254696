"""Depth as a column: maps read from files, and depth as a fourth input plane beside the colours.

Axes: h rows, w columns.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32
from PIL import Image

from seglet.data.dataset import Sample
from seglet.data.errors import DataError
from seglet.files import read_bytes

if TYPE_CHECKING:
    from seglet.data.names import NamedFiles

_ARRAYS = (".npy", ".npz", ".pfm")
_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", *_ARRAYS)
_EQUAL = 0.1
"""Part of the range by which the channels of a grey image may differ, as JPEG's rounding makes them."""
_NAME_SUFFIX = "_depth"
"""Suffix that names of depth maps may have after the name of their image, as in DGKD-WLSS."""


@dataclass(frozen=True)
class DepthFiles:
    """Folder of depth maps named like their images: grey of 8 or 16 bits, or `.npy`, `.npz` and `.pfm` arrays [h, w].

    Each map is scaled to [0, 1]; a constant map becomes 0. Near may be dark or bright, but it must be the same in
    training and in use. Where a sensor writes the number `invalid`, depth is missing: those pixels take the median of
    the others.
    """

    folder: Path
    invalid: float | None = None

    @cached_property
    def files(self) -> dict[str, Path]:
        """Files by the name of the image, and by its last part; of equal last parts the last file counts.

        Raises:
            DataError: the folder does not exist or has no depth maps.
        """
        if not self.folder.is_dir():
            raise DataError(f"{str(self.folder)!r} is no folder; give the one that holds the depth maps")
        found: dict[str, Path] = {}
        for name, path in self._paths:
            found[name] = found[name.rsplit("/", 1)[-1]] = path
        if not found:
            kinds = ", ".join(_SUFFIXES)
            cure = f"expected {kinds} named like images{self._open_exr()}"
            raise DataError(f"{str(self.folder)!r} holds no depth maps; {cure}")
        return found

    @cached_property
    def _paths(self) -> list[tuple[str, Path]]:
        from seglet.data.files import files_below, image_name

        paths = files_below(self.folder, _SUFFIXES)
        return [(image_name(path, self.folder).removesuffix(_NAME_SUFFIX), path) for path in paths]

    def _open_exr(self) -> str:
        """Returns what to do with OpenEXR files, where the folder has some."""
        from seglet.data.files import files_below

        count = len(files_below(self.folder, {".exr"}))
        return f"; {count} .exr files are there: save their numbers as .npy or .pfm, which are read" if count else ""

    @cached_property
    def _named(self) -> "NamedFiles":
        from seglet.data.names import NamedFiles

        return NamedFiles(self._paths if self.files else (), "depth map")

    def content(self) -> str:
        """Returns a hash of all maps."""
        digest = hashlib.sha256()
        for name, path in sorted(self.files.items()):
            digest.update(f"{name} {hashlib.sha256(read_bytes(path)).hexdigest()}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def read(self, name: str, size: tuple[int, int]) -> Float32[np.ndarray, "rows columns"]:
        """Reads the map of the image `name` of `size` (h, w), at its own resolution, scaled to [0, 1].

        Raises:
            DataError: the map is missing or not the only one of this name, cannot be read, or has another aspect ratio
                than the image.
        """
        path = self._named.of(name)
        if path is None:
            expected = f"expected {name}.png or {name}{_NAME_SUFFIX}.png"
            raise DataError(f"no depth map of {name!r} in {str(self.folder)!r}; {expected}")
        depth = _values(path)
        (rows, columns), (height, width) = depth.shape, size
        if abs(rows * width - columns * height) > max(rows, columns, height, width):
            raise DataError(
                f"{str(path)!r} is {columns}x{rows}, but image {name!r} is {width}x{height}: other proportions; make "
                "it of the whole image"
            )
        return stretch_to_unit(_filled(depth, self.invalid))


def _filled(depth: Float32[np.ndarray, "h w"], invalid: float | None) -> Float32[np.ndarray, "h w"]:
    """Returns the map with the median of its valid pixels in place of the invalid ones; one without any is 0."""
    missing = np.zeros(depth.shape, bool) if invalid is None else depth == np.float32(invalid)
    if missing.all():
        return np.zeros_like(depth)
    return np.where(missing, np.float32(np.median(depth[~missing])), depth)


def stretch_to_unit(depth: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Returns the depth scaled to [0, 1], or zeros if it is constant."""
    low, high = float(depth.min()), float(depth.max())
    if not high > low:
        return np.zeros_like(depth)
    return ((depth - np.float32(low)) / np.float32(high - low)).astype(np.float32)


def _values(path: Path) -> Float32[np.ndarray, "h w"]:
    """Reads one depth map, as the numbers in it are."""
    from seglet.images import DECODING_ERRORS, MAX_PIXELS, open_picture, read_array

    if path.suffix.lower() in _ARRAYS:
        values = read_array(path, partial(_check_shape, path))
    else:
        with open_picture(read_bytes(path), path, MAX_PIXELS) as image:
            try:
                values = np.array(image.convert("RGB") if image.mode in ("P", "RGBA") else image)
            except DECODING_ERRORS as error:
                raise DataError(f"{str(path)!r} cannot be read as depth ({error}); export it again") from error
        _check_shape(path, values.shape, values.dtype)
    values = _grey(np.asarray(values, np.float32), path)
    if not np.isfinite(values).all():
        raise DataError(f"{str(path)!r} is no depth map: expected finite numbers; mark missing depth by a number, and "
                        "name it as `depth_invalid`")  # fmt: skip
    return values


def _check_shape(path: Path, shape: tuple[int, ...], kind: "np.dtype[np.generic]") -> None:
    from seglet.images import MAX_PIXELS, TooLargeError

    flat = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 2, 3, 4))
    if not flat or not prod(shape) or kind.kind not in "biuf":
        raise DataError(f"{str(path)!r} is no depth map: expected numbers [h, w], got {kind} {list(shape)}")
    if shape[0] * shape[1] > MAX_PIXELS:
        raise TooLargeError(path, (shape[0], shape[1]), MAX_PIXELS)


def _grey(values: Float32[np.ndarray, "h w *channels"], path: Path) -> Float32[np.ndarray, "h w"]:
    """Returns a map of one channel, or the mean of channels that are nearly equal, as those of grey in a JPEG.

    Raises:
        DataError: the channels differ, as those of a colour map do: its colours have no order.
    """
    if values.ndim == 2:
        return values
    colours = values[..., :3] if values.shape[2] > 2 else values[..., :1]
    spread = float(np.ptp(colours, axis=2).max(initial=0))
    if spread > _EQUAL * float(np.ptp(colours)):
        raise DataError(
            f"{str(path)!r} is a depth map in colours, which have no order; export its numbers as grey, with 8 or 16 "
            "bits, or as .npy"
        )
    return np.asarray(colours.mean(axis=2))


DEPTH_COLUMN = "depth"
"""Name of the column that networks take as a fourth input plane, in [0, 1], 0 nearest."""


def depth_plane(sample: Sample) -> Float32[np.ndarray, "h w"] | None:
    """Returns the depth of the sample at the size of its image, or None if it has no such column."""
    if DEPTH_COLUMN not in sample.columns:
        return None
    values, (height, width) = sample.columns[DEPTH_COLUMN].astype(np.float32), sample.image.shape[:2]
    if values.shape == (height, width):
        return np.asarray(values)
    return np.array(Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR))
