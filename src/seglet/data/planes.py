"""Depth as networks are given it in evaluation and in use: a fourth plane beside the colours of a sample.

Axes: h rows, w columns.
"""

import numpy as np
from jaxtyping import Float32
from PIL import Image

from seglet.data.dataset import Sample

DEPTH = "depth"
"""Name of the column that networks are shown as a fourth plane, in [0, 1], 0 nearest."""


def depth_plane(sample: Sample) -> Float32[np.ndarray, "h w"] | None:
    """The sample's depth at the size of its image; None if it has no such column."""
    if DEPTH not in sample.columns:
        return None
    values, (height, width) = sample.columns[DEPTH].astype(np.float32), sample.image.shape[:2]
    if values.shape == (height, width):
        return np.asarray(values)
    return np.array(Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR))
