"""Focus on the Fog (FOTF): distillation weighted by the student's own uncertainty."""

from seglet.methods.fotf.config import Config
from seglet.methods.fotf.method import Method

__all__ = ["Config", "Method"]
