"""Masks for everything: the baseline, and where teachers come from."""

from seglet.methods.supervised.config import Config
from seglet.methods.supervised.method import Method

__all__ = ["Config", "Method"]
