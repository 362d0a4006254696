"""Windows of images for networks that take squares of one size only.

Axes: b images, n windows, c channels, h rows, w columns.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import resize_antialiased

MapsOfSquares = Callable[[Float[Tensor, "n c s s"]], Float[Tensor, "n k m m"]]


def over_square_windows(
    images: Float[Tensor, "b c _ _"], side: int, unit: int, network: MapsOfSquares
) -> Float[Tensor, "b k h w"]:
    """Applies a network of `side` × `side` pixels to images of any proportions, and averages its maps in overlaps.

    The shorter side is resized to `side`, and the longer one, with the image's proportions, covered by windows that
    overlap evenly. Both are multiples of `unit`, the pixels of a patch, so that maps join without resizing: they have
    the same number of pixels for each patch. A square image is a single window.

    Source: the preprocessing of EoMT (Kerssies et al., CVPR 2025), there for full-size maps.
    """
    height, width = images.shape[-2:]
    upright = height >= width
    longer = max(side, round(side * max(height, width) / min(height, width) / unit) * unit)
    resized = resize_antialiased(images, (longer, side) if upright else (side, longer))
    if not upright:
        resized = resized.transpose(-1, -2)
    starts = window_starts(longer // unit, side // unit)
    windows = torch.cat([resized[:, :, start * unit : start * unit + side] for start in starts])
    maps = network(windows if upright else windows.transpose(-1, -2))
    maps = maps if upright else maps.transpose(-1, -2)
    joined = _join(maps, starts, longer // unit, side // unit)
    return joined if upright else joined.transpose(-1, -2)


def window_starts(length: int, window: int) -> list[int]:
    """Returns where windows start that cover a length and overlap as evenly as whole numbers allow."""
    count = -(-length // window)
    return [round(place * (length - window) / max(count - 1, 1)) for place in range(count)]


def _join(maps: Float[Tensor, "n k m m"], starts: list[int], length: int, window: int) -> Float[Tensor, "b k h m"]:
    parts = maps.chunk(len(starts))
    if len(parts) == 1:
        return parts[0]
    scale, b = maps.shape[-2] // window, len(parts[0])
    total = maps.new_zeros(b, maps.shape[1], length * scale, maps.shape[-1])
    count = maps.new_zeros(length * scale, 1)
    for start, part in zip(starts, parts, strict=True):
        rows = slice(start * scale, start * scale + part.shape[-2])
        total[:, :, rows] += part
        count[rows] += 1
    return total / count
