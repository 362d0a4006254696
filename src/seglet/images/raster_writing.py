"""Label maps as GeoTIFF, written by rows, so that they are never in memory whole. Axes: h rows, w columns."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from seglet.files import replace_atomically
from seglet.images.drawing import colour_palette
from seglet.images.raster import Raster, Window, file_window, import_rasterio
from seglet.types import IGNORE, Classes

_BLOCK = 256
"""Pixels a side of the blocks of a file."""


class RowWriter:
    """Writes the rows of an open raster of bytes from top to bottom."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._waiting = np.zeros((0, dataset.width), np.uint8)
        self._written = 0

    def add(self, rows: UInt8[np.ndarray, "h w"]) -> None:
        """Takes the next rows; those of whole blocks are written, so that no block is compressed twice."""
        self._waiting = np.concatenate([self._waiting, rows])
        self._write(len(self._waiting) // _BLOCK * _BLOCK)

    def finish(self) -> None:
        """Writes the rows that wait.

        Raises:
            ValueError: rows are missing.
        """
        self._write(len(self._waiting))
        if self._written != self._dataset.height:
            raise ValueError(f"expected {self._dataset.height} rows, got {self._written}; add all of them")

    def _write(self, count: int) -> None:
        if count:
            window = Window(self._written, 0, count, self._dataset.width)
            self._dataset.write(self._waiting[:count], 1, window=file_window(window))
            self._waiting, self._written = self._waiting[count:], self._written + count


@contextmanager
def write_geotiff(path: Path, like: Raster, classes: Classes | None = None) -> Iterator[RowWriter]:
    """Writes a compressed, tiled GeoTIFF of bytes that lies where the raster `like` lies, whole or not at all.

    With `classes` it is a mask: it has their colours and names, and void is its nodata value.
    """
    height, width = like.size
    rasterio = import_rasterio()
    with replace_atomically(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(
            temporary, "w", driver="GTiff", height=height, width=width, count=1, dtype="uint8", tiled=True,
            blockxsize=_BLOCK, blockysize=_BLOCK, compress="deflate", BIGTIFF="IF_SAFER",
            nodata=None if classes is None else IGNORE, **like.placement,
        ) as dataset:  # fmt: skip
            points, system = like.control_points
            if points:
                dataset.gcps = points, system
            if classes is not None:
                colours = enumerate(colour_palette(classes).tolist())
                dataset.write_colormap(1, {value: (*colour, 255) for value, colour in colours})
                dataset.update_tags(1, **{f"class_{label}": name for label, name in enumerate(classes.names)})
            writer = RowWriter(dataset)
            yield writer
            writer.finish()
