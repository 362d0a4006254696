"""Weak-to-strong consistency: what is sure in a plain view is taught on altered ones (FixMatch, UniMatch)."""

from seglet.methods.fixmatch.config import Config
from seglet.methods.fixmatch.method import Method

__all__ = ["Config", "Method"]
