"""Rasters, GeoTIFFs and other image files, read by windows through rasterio (extra `geo`) and never whole.

Axes: c channels, h rows, w columns.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped, UInt8

from seglet.files import DataError

_DRIVERS = {
    b"II*\0": "GTiff", b"MM\0*": "GTiff", b"II+\0": "GTiff", b"MM\0+": "GTiff",
    b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG",
    b"\0\0\0\x0cjP": "JP2OpenJPEG", b"RIFF": "WEBP", b"BM": "BMP",
}  # fmt: skip
"""Formats of GDAL that are opened, by their first bytes: none of them follows addresses or other files, as VRT does."""

_CACHE_MEGABYTES = 64
"""Memory that GDAL may keep of the blocks that it has read."""
_FULL_TURN = 1
"""EXIF orientation of an upright image."""


@dataclass(frozen=True)
class Window:
    """A part of a raster: its first row and column, and its size in pixels."""

    top: int
    left: int
    height: int
    width: int


class Raster:
    """An open raster.

    `bands` are the numbers of those that are read, from 1. Alpha is no band but says where the raster holds nothing,
    unless `alpha` says that it is a band like all others.
    """

    def __init__(self, path: Path, dataset: Any, bands: Sequence[int], alpha: bool = False) -> None:
        self.path, self.bands, self._alpha = path, tuple(bands), alpha
        self._dataset = dataset
        self._palette = _palette(dataset) if len(self.bands) == 1 and not alpha else None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self._dataset.height), int(self._dataset.width)

    @property
    def dtype(self) -> "np.dtype[np.generic]":
        """Type of the stored values."""
        stored: np.dtype[np.generic] = np.dtype(self._dataset.dtypes[self.bands[0] - 1])
        return stored

    @property
    def placed(self) -> bool:
        """True if the file says where on Earth it lies."""
        return self._dataset.crs is not None

    @property
    def placement(self) -> dict[str, Any]:
        """Coordinate system and transform, as rasterio takes them; nothing where the file has none."""
        found = {"crs": self._dataset.crs} if self.placed else {}
        identity = self._dataset.transform.is_identity
        return found if identity else {**found, "transform": self._dataset.transform}

    @property
    def control_points(self) -> tuple[Any, Any]:
        """Ground control points and their coordinate system, of files that have these in place of a transform."""
        return self._dataset.gcps  # type: ignore[no-any-return]

    def values(self, window: Window) -> Shaped[np.ndarray, "h w c"]:
        """Reads the stored values of a window; palettes are resolved to red, green and blue.

        Raises:
            DataError: the file is damaged.
        """
        read = self._read(self.bands, window)
        return np.ascontiguousarray(read.transpose(1, 2, 0)) if self._palette is None else self._palette[read[0]]

    def valid(self, window: Window) -> Bool[np.ndarray, "h w"]:
        """Returns True where the raster holds something: neither nodata, nor transparent, nor NaN."""
        if self._alpha:
            there = np.ones((window.height, window.width), np.bool_)
            if self._dataset.nodata is not None:
                there = (self._read(self.bands, window) != self._dataset.nodata).any(axis=0)
        else:
            with _explained(self.path):
                there = self._dataset.dataset_mask(window=file_window(window)) > 0
        if self.dtype.kind == "f":
            there &= np.isfinite(self._read(self.bands, window)).all(axis=0)
        return np.asarray(there)

    def thumbnail(self, longest: int) -> Shaped[np.ndarray, "h w c"]:
        """Returns the stored values of every n-th pixel, so that no side is longer than `longest`."""
        share = min(1.0, longest / max(self.size))
        shape = (len(self.bands), *(max(1, round(side * share)) for side in self.size))
        with _explained(self.path):
            read = self._dataset.read(list(self.bands), out_shape=shape)
        return np.ascontiguousarray(read.transpose(1, 2, 0)) if self._palette is None else self._palette[read[0]]

    def _read(self, bands: Sequence[int], window: Window) -> np.ndarray:
        with _explained(self.path):
            return np.asarray(self._dataset.read(list(bands), window=file_window(window)))


@contextmanager
def open_raster(path: Path, bands: Sequence[int] | None = None, alpha: bool = False) -> Iterator[Raster]:
    """Opens an image file to be read by windows; with `bands` those of these numbers, else all.

    Alpha, the fourth of four bands if nothing else is said, is one of them if `alpha`.

    Raises:
        DataError: there is no such file or band, it is of no known format or damaged, an EXIF orientation turns it, or
            rasterio is missing.
    """
    rasterio = import_rasterio()
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}; check the path")
    _refuse_turned(path)
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_MEGABYTES), warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with _explained(path):
            dataset = rasterio.open(path, driver=_driver(path))
        with dataset:
            every = range(1, dataset.count + 1) if alpha and bands is None else bands
            yield Raster(path, dataset, _chosen_bands(path, dataset, every), alpha)


def raster_size(path: Path) -> tuple[int, int]:
    """Reads rows and columns of an image file from its header.

    Raises:
        DataError: see `open_raster`.
    """
    with open_raster(path) as raster:
        return raster.size


def _driver(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(8)
    for prefix, driver in _DRIVERS.items():
        if start.startswith(prefix):
            return driver
    known = ", ".join(dict.fromkeys(_DRIVERS.values()))
    raise DataError(f"{str(path)!r} cannot be read by windows: expected {known}, starts with {start!r}; convert it")


def _chosen_bands(path: Path, dataset: Any, bands: Sequence[int] | None) -> Sequence[int]:
    if bands is None:
        alpha = import_rasterio().enums.ColorInterp.alpha
        return [band for band, kind in enumerate(dataset.colorinterp, 1) if kind != alpha or dataset.count == 1]
    if wrong := [band for band in bands if not 1 <= band <= dataset.count]:
        raise DataError(f"{str(path)!r} has bands 1 to {dataset.count}, no band {wrong[0]}; name others")
    return bands


def _palette(dataset: Any) -> UInt8[np.ndarray, "256 3"] | None:
    """Returns the colours of the values of a file whose only band has a palette."""
    if dataset.colorinterp[0] != import_rasterio().enums.ColorInterp.palette or dataset.dtypes[0] != "uint8":
        return None
    colours = np.zeros((256, 3), np.uint8)
    for value, colour in dataset.colormap(1).items():
        colours[value] = colour[:3]
    return colours


def _refuse_turned(path: Path) -> None:
    """Checks that no EXIF orientation turns the image: windows are read as the file stores them."""
    from PIL import Image

    from seglet.images.formats import DECODING_ERRORS

    orientation = 0x0112
    try:
        with Image.open(path, formats=("JPEG", "TIFF")) as header:
            turned = header.getexif().get(orientation, _FULL_TURN)
    except (*DECODING_ERRORS, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return
    if turned in range(2, 9):
        raise DataError(
            f"{str(path)!r} is turned by its EXIF orientation, which windows do not follow; save it upright"
        )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Errors of reading within the block are told as those of the file."""
    try:
        yield
    except import_rasterio().errors.RasterioError as error:
        raise DataError(f"{str(path)!r} is damaged ({error}); download or export it again") from error


def file_window(window: Window) -> Any:
    """Returns a window as rasterio takes it."""
    from rasterio.windows import Window as FileWindow

    return FileWindow(window.left, window.top, window.width, window.height)


def import_rasterio() -> Any:
    """Returns rasterio.

    Raises:
        DataError: it is not installed.
    """
    try:
        import rasterio
        import rasterio.enums
        import rasterio.errors
    except ImportError as error:
        raise DataError("images by windows need rasterio; run `pip install 'seglet[geo]'`") from error
    return rasterio
