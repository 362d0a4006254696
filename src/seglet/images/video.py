"""Frames of videos, read and written one at a time through PyAV (extra `video`). Axes: h rows, w columns."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from seglet.files import DataError, replace_atomically

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"})
"""Endings of files that are taken for videos."""

_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
"""Demuxers that may open a file: none of them follows addresses or other files, as playlists do."""


@dataclass(frozen=True)
class VideoFacts:
    """Frames a second of a video, and how many it has; 0 where the file does not say."""

    rate: Fraction
    frames: int


def is_video(path: Path) -> bool:
    """Returns whether a path names a video file, by its ending."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def video_facts(path: Path) -> VideoFacts:
    """Reads how many frames a video has, and how many a second.

    Raises:
        DataError: it is no video that can be read.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        frames = stream.frames or round(float((container.duration or 0) / 1_000_000 * rate))
        return VideoFacts(rate, int(frames))


def read_frames(path: Path, max_pixels: int) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Yields the frames of a video in their order, turned upright as its metadata say; sound is left out.

    Raises:
        DataError: it is no video, a frame has more than `max_pixels` pixels, or the file ends within a frame.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        if stream.width * stream.height > max_pixels:
            raise DataError(
                f"{str(path)!r} has frames of {stream.width}x{stream.height} pixels; --max-pixels allows it"
            )
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            upright = np.rot90(frame.to_ndarray(format="rgb24"), round(getattr(frame, "rotation", 0) / 90))
            yield np.ascontiguousarray(upright)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Opens a video for reading; errors of PyAV within the block are told as those of the file."""
    av = _pyav()
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}")
    try:
        with av.open(str(path), options={"format_whitelist": _CONTAINERS}) as container:
            if not container.streams.video:
                raise DataError(f"{str(path)!r} holds no pictures, only sound")
            yield container
    except av.FFmpegError as error:
        raise DataError(f"{str(path)!r} cannot be read as a video: {error.strerror or error}") from error


def write_video(path: Path, frames: Iterable[UInt8[np.ndarray, "h w 3"]], rate: Fraction) -> int:
    """Writes frames of one size as H.264 in MP4, whole or not at all; returns their number.

    An odd last row or column is left out, as the format wants even sizes.

    Raises:
        DataError: a frame has another size than the first, or there is none.
    """
    av = _pyav()
    count, size = 0, None
    with replace_atomically(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "20"})
        stream.pix_fmt = "yuv420p"
        for picture in frames:
            if size is None:
                size = picture.shape
                stream.height, stream.width = (side - side % 2 for side in picture.shape[:2])
            if picture.shape != size:
                raise DataError(f"frame {count + 1} is {picture.shape[:2]}, those before are {size[:2]}; give one size")
            even = np.ascontiguousarray(picture[: stream.height, : stream.width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
            count += 1
        if not count:
            raise DataError(f"there is no frame for {str(path)!r}")
        container.mux(stream.encode())
    return count


def _pyav() -> Any:
    try:
        import av
    except ImportError as error:
        raise DataError("videos need PyAV; run `pip install 'seglet[video]'`") from error
    av.logging.set_level(None)
    return av
