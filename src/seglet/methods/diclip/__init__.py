"""Segmentation from image tags, with pseudo labels by CLIP and Stable Diffusion (DiCLIP)."""

from seglet.methods.diclip.config import Config
from seglet.methods.diclip.method import Method

__all__ = ["Config", "Method"]
