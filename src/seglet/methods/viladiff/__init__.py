"""Captions and mixed diffusion for the pseudo labels of many pictures beside few masks (ViLaDiff)."""

from seglet.methods.viladiff.config import Config
from seglet.methods.viladiff.method import Method

__all__ = ["Config", "Method"]
