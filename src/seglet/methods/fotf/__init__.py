"""Focus on the Fog: a student learns most where it is unsure of itself."""

from seglet.methods.fotf.config import Config
from seglet.methods.fotf.method import Method

__all__ = ["Config", "Method"]
