"""Depth as a column: maps read from files, and depth as a fourth input plane beside the colours.

Axes: h rows, w columns.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
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

_SUFFIXES = (".png", ".tif", ".tiff", ".npy")
_NAME_SUFFIX = "_depth"
"""Suffix that names of depth maps may have after the name of their image, as in DGKD-WLSS."""


@dataclass(frozen=True)
class DepthFiles:
    """Folder of depth maps named like their images: grey of 8 or 16 bits, colour (its mean), or `.npy` arrays [h, w].

    Each map is scaled to [0, 1]; a constant map becomes 0. Near may be dark or bright, but it must be the same in
    training and in use.
    """

    folder: Path

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
            raise DataError(f"{str(self.folder)!r} holds no depth maps; expected {kinds} named like images")
        return found

    @cached_property
    def _paths(self) -> list[tuple[str, Path]]:
        from seglet.data.files import files_below, image_name

        paths = files_below(self.folder, _SUFFIXES)
        return [(image_name(path, self.folder).removesuffix(_NAME_SUFFIX), path) for path in paths]

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
        return stretch_to_unit(depth)


def stretch_to_unit(depth: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Returns the depth scaled to [0, 1], or zeros if it is constant."""
    low, high = float(depth.min()), float(depth.max())
    if not high > low:
        return np.zeros_like(depth)
    return ((depth - np.float32(low)) / np.float32(high - low)).astype(np.float32)


def _values(path: Path) -> Float32[np.ndarray, "h w"]:
    try:
        if path.suffix.lower() == ".npy":
            values = np.load(path, allow_pickle=False)
        else:
            with Image.open(path) as image:
                values = np.array(image.convert("RGB") if image.mode in ("P", "RGBA") else image)
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{str(path)!r} cannot be read as depth ({error}); export it again") from error
    values = values.mean(axis=2) if values.ndim == 3 else values
    if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
        raise DataError(f"{str(path)!r} is no depth map: expected finite numbers [h, w], got shape {values.shape}")
    return np.asarray(values, np.float32)


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
