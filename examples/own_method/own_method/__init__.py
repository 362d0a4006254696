"""The focal loss as a method of its own package."""

from own_method.config import Config
from own_method.method import Method

__all__ = ["Config", "Method"]
