"""Masks of what words name by a frozen network that is asked by words, and a network trained on them."""

from seglet.methods.concepts.config import Config
from seglet.methods.concepts.method import Method

__all__ = ["Config", "Method"]
