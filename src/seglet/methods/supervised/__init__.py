"""Training on masks of all images: the baseline, and the way to train teachers."""

from seglet.methods.supervised.config import Config
from seglet.methods.supervised.method import Method

__all__ = ["Config", "Method"]
