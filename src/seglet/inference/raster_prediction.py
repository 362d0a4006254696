"""Segments large images tile by tile, from file to file, so that no image is ever in memory whole.

Axes: c channels, k classes, h rows, w columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from seglet._version import __version__
from seglet.data.class_table import CLASS_FILE, class_table_text
from seglet.engine.console import ProgressDisplay
from seglet.files import DataError, path_below, write_json, write_text
from seglet.images import OWN_RANGE, WhiteLevels, scale_to_bytes, white_level
from seglet.images.channels import check_channels, read_channel_window
from seglet.images.outlines import OUTLINE_FORMATS, write_outlines
from seglet.images.raster import Raster, Window, open_raster
from seglet.images.raster_writing import RowWriter, write_geotiff
from seglet.images.value_range import Channel
from seglet.inference.batch import failure_reason
from seglet.inference.finished_images import FinishedImages, state_hash
from seglet.inference.folder_prediction import PREDICTION_RECORD, check_prediction_folder, is_unfinished
from seglet.inference.inputs import ImageFile, gather_images
from seglet.inference.job_report import JobReport
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import check_inference_options, learned_from_tags, predict_probabilities
from seglet.inference.segment import decided_maps
from seglet.inference.sources import ModelLike, open_predictor
from seglet.inference.tiles import blend_tiles, tile_spans
from seglet.locks import lock_folder
from seglet.models.segmenter import Segmenter
from seglet.types import IGNORE

_SCAN = 1024
"""Pixels a side of the windows in which the range of values is found."""
_SMALLER_TILES = "take smaller tiles (--tile 256)"


@dataclass(frozen=True)
class RasterOptions:
    """Options of segmenting large images by tiles.

    Args:
        out: folder of the results.
        tile: rows and columns of a tile.
        overlap: pixels in which neighbours overlap at least, and over which they are blended; None for an eighth of a
            tile.
        bands: numbers of the bands that the model takes, from 1; None for all, without alpha.
        outlines: also write polygons, in this one of `OUTLINE_FORMATS`.
        least_pixels: pieces with fewer pixels get no polygon of their own, but belong to their largest neighbour.
        overwrite: replace the earlier results in `out`.
        inference: how each tile is predicted.
        device: where a model to be loaded computes.
        command: command for the record.

    Raises:
        ValueError: a value is out of its range.
    """

    out: Path
    tile: int = 512
    overlap: int | None = None
    bands: tuple[int, ...] | None = None
    outlines: str | None = None
    least_pixels: int = 0
    overwrite: bool = False
    inference: InferenceOptions = field(default_factory=InferenceOptions)
    device: str | None = "auto"
    command: str = ""

    def __post_init__(self) -> None:
        if not 32 <= self.tile <= 16384:
            raise ValueError(f"tile: expected 32 to 16384 pixels a side, got {self.tile}")
        if not 0 <= self.shared <= self.tile // 2:
            raise ValueError(f"overlap: expected 0 to {self.tile // 2} pixels, half a tile, got {self.shared}")
        if self.outlines not in (None, *OUTLINE_FORMATS):
            raise ValueError(f"polygons: expected one of {', '.join(OUTLINE_FORMATS)}, got {self.outlines!r}")
        if self.inference.window is not None or self.inference.size is not None or self.inference.whole_images:
            raise ValueError("tiles are the windows; leave out --window, --size and --whole-images, or --tile")

    @property
    def shared(self) -> int:
        """Pixels in which neighbours overlap at least."""
        return self.tile // 8 if self.overlap is None else self.overlap

    def as_dict(self) -> dict[str, Any]:
        """Returns what decides the results, for JSON."""
        own = {"tile": self.tile, "overlap": self.shared, "bands": self.bands}
        return {**own, "polygons": self.outlines, "least_pixels": self.least_pixels, **self.inference.as_dict()}


def predict_rasters(model: ModelLike, inputs: Sequence[Path], options: RasterOptions) -> JobReport:
    """Segments images of any size tile by tile; an image that cannot be read is reported and skipped.

    Under `out`, for each image: `masks/NAME.tif`, a GeoTIFF at its place on Earth with void where the image has no
    data, `confidence/NAME.tif`, and with `outlines` polygons of the classes. A file is there when all of it is written.
    After an interruption the same call makes the images that are missing.

    Raises:
        ValueError: there are no such model or images, options do not apply to the model, or the output folder holds
            other files.
    """
    with lock_folder(options.out):
        unfinished = is_unfinished(options.out)
        check_prediction_folder(options.out, options.overwrite or unfinished, False)
        files = gather_images(inputs, options.out)
        segmenter = _open(model, options)
        identity = {"model": str(model) if isinstance(model, str | Path) else type(model).__name__}
        record: dict[str, Any] = {"seglet": __version__, "command": options.command, "settings": options.as_dict()}
        record |= {**identity, "classes": list(segmenter.classes.names)}
        decisive = {name: value for name, value in record.items() if name != "command"}
        finished = FinishedImages(options.out, {**decisive, "state": state_hash(segmenter)})
        if unfinished and (options.overwrite or not finished.of_this_job):
            if not options.overwrite:
                raise ValueError(f"{str(options.out)!r} holds unfinished results of another model or other options; "
                                 "choose another folder, or overwrite them")  # fmt: skip
            finished.remove()
        write_json(options.out / PREDICTION_RECORD, {**record, "finished": False})
        write_text(options.out / CLASS_FILE, class_table_text(segmenter.classes))
        done, failed = _segment_all(segmenter, files, finished, options)
        record |= {"finished": True, "out": str(options.out), "images": done, "failed": failed}
        write_json(options.out / PREDICTION_RECORD, record)
        finished.remove()
        return JobReport(options.out, record, _summary(done, failed, options))


def _open(model: ModelLike, options: RasterOptions) -> Segmenter:
    predictor = open_predictor(model, options.device)
    if not isinstance(predictor, Segmenter):
        raise ValueError("a method makes masks from the tags of each image; give a segmenter for tiles")
    if learned_from_tags(predictor):
        raise ValueError(f"{predictor.architecture.name} scores the classes of whole images; leave --tile out")
    if predictor.architecture.depth is not None:
        raise ValueError(f"{predictor.architecture.name} takes depth, which is not read by tiles; leave --tile out")
    check_inference_options(predictor, options.inference)
    return predictor


def _segment_all(
    segmenter: Segmenter, files: Sequence[ImageFile], finished: FinishedImages, options: RasterOptions
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    made, failed = finished.outcomes(files), list[dict[str, str]]()
    with finished:
        for file in files:
            if file.name in made:
                continue
            try:
                made[file.name] = _Segmentation(segmenter, options).write(file)
                finished.add(file, made[file.name])
            except (ValueError, OSError, MemoryError, RuntimeError) as error:
                failed.append({"source": str(file.path), "reason": failure_reason(error, _SMALLER_TILES)})
    return [{"source": str(file.path), **made[file.name]} for file in files if file.name in made], failed


def _summary(done: Sequence[Any], failed: Sequence[dict[str, str]], options: RasterOptions) -> list[str]:
    reasons = [f"  {failure['source']}\n    {failure['reason']}" for failure in failed]
    kinds = "masks and confidences" if options.outlines is None else "masks, confidences and polygons"
    return [
        f"segmented by tiles: {len(done)}, failed: {len(failed)}",
        *reasons,
        f"{kinds} are in {options.out}; predictions.json says what became of each",
    ]


class _Segmentation:
    """Segments one image after the other."""

    def __init__(self, segmenter: Segmenter, options: RasterOptions) -> None:
        self.segmenter, self.options = segmenter, options
        self._measured = segmenter.architecture.channels is not None
        self._counts = np.zeros(256, np.int64)
        self._sure = 0.0

    def write(self, file: ImageFile) -> dict[str, Any]:
        """Writes the results of an image and returns where they are, and facts for the record."""
        out, classes = self.options.out, self.segmenter.classes
        written = {kind: path_below(out / folder, file.name, ".tif") for kind, folder in
                   (("mask", "masks"), ("confidence", "confidence"))}  # fmt: skip
        with (
            open_raster(file.path, self.options.bands, self._measured) as raster,
            write_geotiff(written["mask"], raster, classes) as mask,
            write_geotiff(written["confidence"], raster) as confidence,
        ):
            self._write_rows(file, raster, mask, confidence)
            facts: dict[str, Any] = {"size": list(raster.size), "placed": raster.placed}
        if self.options.outlines is not None:
            written["polygons"] = path_below(out / "polygons", file.name, f".{self.options.outlines}")
            facts["outlines"] = write_outlines(written["polygons"], written["mask"], classes, self.options.least_pixels)
        known = int(self._counts[: len(classes)].sum())
        facts["shares"] = {
            name: float(count / self._counts.sum())
            for name, count in zip(classes.names, self._counts[: len(classes)], strict=True)
            if count
        }
        facts["void"] = float(self._counts[len(classes) :].sum() / self._counts.sum())
        facts["mean_confidence"] = self._sure / known if known else 0.0
        return {**{kind: path.relative_to(out).as_posix() for kind, path in written.items()}, **facts}

    def _write_rows(self, file: ImageFile, raster: Raster, mask: RowWriter, confidence: RowWriter) -> None:
        tile, shared, (height, width) = self.options.tile, self.options.shared, raster.size
        reader = self._reader(raster)
        total = len(tile_spans(height, tile, shared)) * len(tile_spans(width, tile, shared))
        with ProgressDisplay(f"predict {file.path.name}", total, "tiles") as steps:
            labels, sure = _Rows(width), _Rows(width)
            parts = blend_tiles(lambda window: self._predict(reader, window), raster.size, tile, shared)
            for count, part in enumerate(parts, start=1):
                found = decided_maps(part.probabilities, self.options.inference, self.segmenter.classes)
                valid = raster.valid(part.window)
                classes = np.where(valid, found.labels, np.uint8(IGNORE))
                self._counts += np.bincount(classes.ravel(), minlength=256)
                self._sure += float(found.confidence[classes != IGNORE].sum(dtype=np.float64))
                for writer, rows, values in ((mask, labels, classes), (confidence, sure, found.confidence * valid)):
                    if (whole := rows.add(part.window, values)) is not None:
                        writer.add(whole)
                steps.advance(count)

    def _reader(self, raster: Raster) -> "_ColourTiles | _ChannelTiles":
        architecture = self.segmenter.architecture
        if architecture.channels is not None:
            return _ChannelTiles(raster, architecture.channels)
        return _ColourTiles(raster, architecture.whites or OWN_RANGE)

    def _predict(self, reader: "_ColourTiles | _ChannelTiles", window: Window) -> Float32[np.ndarray, "k h w"]:
        """Returns the probabilities of a tile; equal ones where there is no data at all, which nobody will see."""
        image = reader.read(window)
        if image is None:
            count = len(self.segmenter.classes)
            return np.full((count, window.height, window.width), 1 / count, np.float32)
        alone = replace(self.options.inference, whole_images=True)
        return predict_probabilities(self.segmenter, image, None, alone)


class _Rows:
    """Assembles rows of the image from parts that come from left to right."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows = np.zeros((0, width), np.uint8)

    def add(self, window: Window, values: Shaped[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h width"] | None:
        """Takes a part, probabilities as 0 to 255; returns the rows once they are whole."""
        if window.left == 0:
            self._rows = np.empty((window.height, self._width), np.uint8)
        as_bytes = values if values.dtype == np.uint8 else (values * 255).round().astype(np.uint8)
        self._rows[:, window.left : window.left + window.width] = as_bytes
        return self._rows if window.left + window.width == self._width else None


class _ChannelTiles:
    """Reads tiles of a raster of measured channels as stored, the mean of a channel where it holds no data.

    Raises:
        DataError: the raster has another number of channels.
    """

    def __init__(self, raster: Raster, channels: Sequence[Channel]) -> None:
        check_channels(raster, [channel.name for channel in channels])
        self._raster, self._channels = raster, channels

    def read(self, window: Window) -> Float32[np.ndarray, "h w c"] | None:
        """Returns the values of a tile; None if it holds none at all."""
        found = read_channel_window(self._raster, self._channels, window)
        return found.values if found.valid.any() else None


class _ColourTiles:
    """Reads tiles of a raster of colours or grey as `read_image` reads whole images.

    Values of more than 8 bits are scaled by the white level of the model, or of the whole raster, which is found first.

    Raises:
        DataError: the raster has a number of bands that are no colours, or the range of its values is unknown.
    """

    def __init__(self, raster: Raster, whites: WhiteLevels) -> None:
        if len(raster.bands) not in (1, 3):
            raise DataError(
                f"{str(raster.path)!r} has {len(raster.bands)} bands, and this network takes red, green and blue; name "
                "their bands, such as --bands 3 2 1"
            )
        self._raster = raster
        floats = raster.dtype.kind == "f"
        known = whites.floats if floats else whites.integers
        self._white = 255 if raster.dtype == np.uint8 else known or self._found_white()

    def read(self, window: Window) -> UInt8[np.ndarray, "h w 3"] | None:
        """Returns the colours of a tile, black where it holds no data; None if it holds none at all."""
        valid = self._raster.valid(window)
        if not valid.any():
            return None
        values = self._raster.values(window)
        if not valid.all():
            values = np.where(valid[..., None], values, values.dtype.type(0))
        scaled = scale_to_bytes(values.clip(0, self._white), self._white)
        return scaled.repeat(3, axis=2) if scaled.shape[2] == 1 else scaled

    def _found_white(self) -> int:
        height, width = self._raster.size
        levels = [1]
        for top in range(0, height, _SCAN):
            for left in range(0, width, _SCAN):
                window = Window(top, left, min(_SCAN, height - top), min(_SCAN, width - left))
                values = self._raster.values(window)[self._raster.valid(window)]
                if values.size:
                    try:
                        levels.append(white_level(values))
                    except DataError as error:
                        raise DataError(f"{str(self._raster.path)!r} {error}") from error
        return max(levels)
