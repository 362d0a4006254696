"""Masks from tags by Grad-CAM on CLIP, without training, and a network that learns from them (CLIP-ES)."""

from seglet.methods.clip_es.config import Config
from seglet.methods.clip_es.method import Method

__all__ = ["Config", "Method"]
