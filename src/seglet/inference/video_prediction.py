"""Segments a video, or a folder of its frames, and writes masks and a video with the masks over the frames.

Axes: k classes, h rows, w columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from seglet._version import __version__
from seglet.data.class_table import CLASS_FILE, class_table_text
from seglet.engine.console import ProgressDisplay
from seglet.engine.output_folder import check_replaceable
from seglet.files import DataError, path_below, write_json, write_text
from seglet.images import MAX_PIXELS, overlay_labels, write_mask
from seglet.images.video import is_video, read_frames, video_facts, write_video
from seglet.inference.folder_prediction import PREDICTION_RECORD
from seglet.inference.inputs import gather_images
from seglet.inference.job_report import JobReport
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import check_inference_options, predict_probabilities
from seglet.inference.segment import decided_maps
from seglet.inference.sources import ModelLike, open_predictor
from seglet.locks import lock_folder
from seglet.models.segmenter import Segmenter


@dataclass(frozen=True)
class VideoOptions:
    """Options of segmenting a video.

    Args:
        out: folder of the results.
        smooth: share of a frame's probabilities that is taken from the frames before, from 0 (none) to below 1: an
            exponential average, in which a frame counts `smooth` times as much as the one after it.
        rate: frames a second of a folder of frames; a video has its own.
        overwrite: replace the earlier results in `out`.
        inference: how each frame is predicted.
        device: where a model to be loaded computes.
        max_pixels: pixels that a frame may have.
        command: command for the record.

    Raises:
        ValueError: `smooth` or `rate` is out of its range.
    """

    out: Path
    smooth: float = 0.0
    rate: float = 25.0
    overwrite: bool = False
    inference: InferenceOptions = field(default_factory=InferenceOptions)
    device: str | None = "auto"
    max_pixels: int = MAX_PIXELS
    command: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.smooth < 1:
            raise ValueError(f"smooth: expected 0 or more and below 1, got {self.smooth}")
        if not 0 < self.rate <= 1000:
            raise ValueError(f"rate: expected above 0 and at most 1000 frames a second, got {self.rate}")


def predict_video(model: ModelLike, source: Path, options: VideoOptions) -> JobReport:
    """Segments the frames of a video, or the images of a folder in the order of their names.

    Under `out`: `masks/NAME/000001.png` of each frame, `NAME.mp4` with the masks over the frames, and predictions.json
    with the share of pixels that change their class from one frame to the next.

    Raises:
        ValueError: there are no such model or frames, or the output folder holds other files. Frames before one that
            cannot be read are kept, and their number is told.
    """
    with lock_folder(options.out):
        check_replaceable(options.out, PREDICTION_RECORD, options.overwrite)
        frames, rate, total = _frames(source, options)
        predictor = open_predictor(model, options.device)
        if not isinstance(predictor, Segmenter):
            raise ValueError("a method makes masks from the tags of each image; give a segmenter for a video")
        check_inference_options(predictor, options.inference)
        run = _Segmented(predictor, options, path_below(options.out / "masks", source.stem))
        record: dict[str, Any] = {"seglet": __version__, "command": options.command, "source": str(source)}
        record |= {"settings": {"smooth": options.smooth}, "classes": list(predictor.classes.names)}
        write_json(options.out / PREDICTION_RECORD, {**record, "finished": False})
        write_text(options.out / CLASS_FILE, class_table_text(predictor.classes))
        film = path_below(options.out, source.stem, ".mp4")
        with ProgressDisplay(f"segment {source.name}", total, "frames") as steps:
            write_video(film, run.overlays(frames, steps), rate)
        facts = {"frames": run.count, "changed": run.changed, "video": film.name}
        failed = [] if run.error is None else [{"source": str(source), "reason": run.error}]
        record |= {"finished": True, "out": str(options.out), **facts, "failed": failed}
        write_json(options.out / PREDICTION_RECORD, record)
        lines = [f"segmented: {run.count} frames → {film}", f"pixels whose class changes from frame to frame: "
                 f"{100 * run.changed:.2f} %"]  # fmt: skip
        lines += [f"stopped after frame {run.count}: {run.error}"] if run.error else []
        return JobReport(options.out, record, lines)


def _frames(source: Path, options: VideoOptions) -> tuple[Iterator[UInt8[np.ndarray, "h w 3"]], Fraction, int]:
    """Returns the frames, how many a second, and how many there are."""
    if is_video(source):
        facts = video_facts(source)
        return read_frames(source, options.max_pixels), facts.rate, facts.frames
    images = gather_images([source], options.out, options.max_pixels)
    return (image.read() for image in images), Fraction(options.rate).limit_denominator(1001), len(images)


class _Segmented:
    """Segments frames one after the other; afterwards it knows their number and how much they changed."""

    def __init__(self, model: Segmenter, options: VideoOptions, masks: Path) -> None:
        self.model = model
        self.options = options
        self.masks = masks
        self.count = 0
        self.error: str | None = None
        self._changes: list[float] = []

    @property
    def changed(self) -> float:
        """Share of the pixels that have another class than in the frame before, mean over the frames."""
        return float(np.mean(self._changes)) if self._changes else 0.0

    def overlays(
        self, frames: Iterator[UInt8[np.ndarray, "h w 3"]], steps: ProgressDisplay
    ) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Yields each frame under its mask, which is written; ends at a frame that cannot be read."""
        average: Float32[np.ndarray, "k h w"] | None = None
        before: UInt8[np.ndarray, "h w"] | None = None
        for image in self._readable(frames):
            scores = predict_probabilities(self.model, image, None, self.options.inference)
            average = smoothed(average, scores, self.options.smooth)
            labels = decided_maps(average, self.options.inference, self.model.classes).labels
            if before is not None and before.shape == labels.shape:
                self._changes.append(float((before != labels).mean()))
            before = labels
            self.count += 1
            write_mask(self.masks / f"{self.count:06}.png", labels, self.model.classes)
            steps.advance(self.count)
            yield overlay_labels(image, labels, self.model.classes)

    def _readable(self, frames: Iterator[UInt8[np.ndarray, "h w 3"]]) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        try:
            yield from frames
        except DataError as error:
            if not self.count:
                raise
            self.error = str(error)


def smoothed(
    average: Float32[np.ndarray, "k rows columns"] | None, scores: Float32[np.ndarray, "k h w"], share: float
) -> Float32[np.ndarray, "k h w"]:
    """Returns `share` of the average before and the rest of the scores; the scores alone where there is none."""
    if average is None or not share or average.shape != scores.shape:
        return scores
    return np.asarray(share * average + (1 - share) * scores, np.float32)
