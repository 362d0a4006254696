"""Segmentation from image tags by a decoder on frozen CLIP, whose features rectify CLIP's class maps (WeCLIP)."""

from seglet.methods.weclip.config import Config
from seglet.methods.weclip.method import Method

__all__ = ["Config", "Method"]
