"""Masks from tags by a frozen ImageNet classifier, without training, or a network trained on them."""

from seglet.methods.imagenet.config import Config
from seglet.methods.imagenet.method import Method

__all__ = ["Config", "Method"]
