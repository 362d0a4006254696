"""The segmentation of one image: class maps at its size, as arrays, as images, and as notebooks show them.

Axes: k classes, h rows, w columns.
"""

import base64
import html
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from seglet.images import colour_palette, overlay_labels, write_mask
from seglet.types import IGNORE, Classes

_SHOWN_CLASSES = 8
"""Classes that a `repr` lists."""


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation:
    """Classes, probabilities and uncertainty of the pixels of one image, all at its size."""

    labels: UInt8[np.ndarray, "h w"]
    """Label id of the most probable class; 255 (void) where none is given."""

    probabilities: Float32[np.ndarray, "k h w"]
    """Probabilities of the classes; with Monte-Carlo samples, their mean."""

    uncertainty: Float32[np.ndarray, "h w"] | None
    """Standard deviation over Monte-Carlo samples, averaged over classes; None without samples."""

    image: UInt8[np.ndarray, "h w 3"]
    """The image itself, RGB."""

    classes: Classes

    @property
    def confidence(self) -> Float32[np.ndarray, "h w"]:
        """Probability of the most probable class."""
        return np.asarray(self.probabilities.max(axis=0))

    @property
    def shares(self) -> dict[str, float]:
        """Share of the pixels of each class that has any, and of `void`, the largest first."""
        counts = np.bincount(self.labels.ravel(), minlength=IGNORE + 1)
        named = {name: int(counts[label]) for label, name in enumerate(self.classes.names)}
        named["void"] = int(counts[IGNORE])
        largest_first = sorted(named.items(), key=lambda entry: -entry[1])
        return {name: count / self.labels.size for name, count in largest_first if count}

    def overlay(self, alpha: float = 0.55) -> Image.Image:
        """Returns the image under the colours of its classes; void pixels show the image alone.

        Args:
            alpha: opacity of the colours, from 0 to 1.
        """
        return Image.fromarray(overlay_labels(self.image, self.labels, self.classes, alpha))

    def mask(self) -> Image.Image:
        """Returns the label ids as a palette image in the colours of the classes."""
        mask = Image.fromarray(self.labels)
        mask.putpalette(colour_palette(self.classes).tobytes())
        return mask

    def save_mask(self, path: str | Path) -> None:
        """Writes the label ids as a palette PNG, which `open_dataset` reads as a mask.

        Raises:
            DataError: the file cannot be written.
        """
        write_mask(Path(path), self.labels, self.classes)

    def __repr__(self) -> str:
        height, width = self.labels.shape
        shares = [f"{name} {100 * share:.1f} %" for name, share in self.shares.items()]
        more = f", {len(shares) - _SHOWN_CLASSES} more" if len(shares) > _SHOWN_CLASSES else ""
        return f"Segmentation({height}x{width}: {', '.join(shares[:_SHOWN_CLASSES])}{more})"

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.overlay().save(buffer, "PNG")
        return buffer.getvalue()

    def _repr_html_(self) -> str:
        colours = dict(zip(self.classes.names, self.classes.colours, strict=True)) | {"void": (255, 255, 255)}
        legend = "".join(
            f'<span style="white-space:nowrap;margin-right:1em"><span style="display:inline-block;width:0.9em;'
            f'height:0.9em;border:1px solid #888;background:rgb{colours[name]}"></span> '
            f"{html.escape(name)} {100 * share:.1f} %</span>"
            for name, share in self.shares.items()
        )
        encoded = base64.b64encode(self._repr_png_()).decode("ascii")
        height, width = self.labels.shape
        return (
            f'<div><img alt="segmentation of {height}x{width} pixels" style="max-width:100%" '
            f'src="data:image/png;base64,{encoded}"><div>{legend}</div></div>'
        )
