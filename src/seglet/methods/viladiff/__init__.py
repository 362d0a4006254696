"""Captions and mixed diffusion for the pseudo labels of many images beside few masks (ViLaDiff)."""

from seglet.methods.viladiff.config import Config
from seglet.methods.viladiff.method import Method

__all__ = ["Config", "Method"]
