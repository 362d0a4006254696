"""Segmentation of dark images from tags, distilled from a teacher that is given the same images in light (DGKD)."""

from seglet.methods.dgkd.config import Config
from seglet.methods.dgkd.method import Method

__all__ = ["Config", "Method"]
