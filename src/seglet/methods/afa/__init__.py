"""Segmentation from image tags with an affinity that is learned from a transformer's attention (AFA)."""

from seglet.methods.afa.config import Config
from seglet.methods.afa.method import Method

__all__ = ["Config", "Method"]
