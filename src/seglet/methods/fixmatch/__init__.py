"""Weak-to-strong consistency: confident predictions on weak views are labels of strong views (FixMatch, UniMatch)."""

from seglet.methods.fixmatch.config import Config
from seglet.methods.fixmatch.method import Method

__all__ = ["Config", "Method"]
