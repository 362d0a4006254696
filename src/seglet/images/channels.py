"""Images whose channels are measured quantities: any number of them, as stored, never scaled to bytes.

Axes: c channels, h rows, w columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float32, Shaped, UInt8

from seglet.files import DataError, content_hash, read_bytes
from seglet.images.formats import MAX_PIXELS, TooLargeError
from seglet.images.value_range import Channel

if TYPE_CHECKING:
    from seglet.images.raster import Raster, Window

_RGB = ("red", "green", "blue")


@dataclass(frozen=True)
class ChannelImage:
    """Stored values of an image; where it holds no data, they are the means of the channels and `valid` is False."""

    values: Float32[np.ndarray, "h w c"]
    valid: Bool[np.ndarray, "h w"]


def read_channels(
    path: Path, channels: Sequence[Channel], max_pixels: int = MAX_PIXELS, expected_hash: str = ""
) -> ChannelImage:
    """Reads an image with these channels, in their order; with `expected_hash` the content must have this hash.

    Raises:
        DataError: the file is damaged, changed, too large, or has another number of channels.
    """
    from seglet.images.raster import Window, open_raster

    if expected_hash and content_hash(read_bytes(path)) != expected_hash:
        raise DataError(f"{str(path)!r} changed since the data were checked; run `seglet data check` again")
    with open_raster(path, alpha=True) as raster:
        check_channels(raster, [channel.name for channel in channels])
        height, width = raster.size
        if height * width > max_pixels:
            raise TooLargeError(path, raster.size, max_pixels)
        return read_channel_window(raster, channels, Window(0, 0, height, width))


def read_channel_window(raster: "Raster", channels: Sequence[Channel], window: "Window") -> ChannelImage:
    """Reads a part of an image with these channels."""
    valid = raster.valid(window)
    values = raster.values(window).astype(np.float32)
    values[~valid] = [channel.mean for channel in channels]
    return ChannelImage(values, valid)


def check_channels(raster: "Raster", names: Sequence[str]) -> None:
    """Checks that a raster has as many channels as there are names.

    Raises:
        DataError: it has not.
    """
    if len(raster.bands) != len(names):
        raise DataError(
            f"{str(raster.path)!r} has {len(raster.bands)} channels, expected {len(names)} ({', '.join(names)}); "
            "export it with these, in this order"
        )


def drawn_channels(values: Shaped[np.ndarray, "h w c"], channels: Sequence[Channel]) -> UInt8[np.ndarray, "h w 3"]:
    """Returns colours to look at: red, green and blue if channels are named so, else the first three, or the first.

    Each is drawn from its `low` in black to its `high`. No network ever sees them.
    """
    names = [channel.name for channel in channels]
    shown = [names.index(name) for name in _RGB] if set(_RGB) <= set(names) else [0, 1, 2][: len(channels)]
    shown = shown if len(shown) == 3 else shown[:1] * 3
    planes = []
    for place in shown:
        span = max(channels[place].high - channels[place].low, 1e-30)
        planes.append(((values[..., place] - channels[place].low) / span).clip(0, 1))
    return np.asarray((np.stack(planes, axis=-1) * 255).round().astype(np.uint8))
