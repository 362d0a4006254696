"""Segmentation from few masks, with captions and pseudo labels refined by diffusion (ViLaDiff)."""

from seglet.methods.viladiff.config import Config
from seglet.methods.viladiff.method import Method

__all__ = ["Config", "Method"]
