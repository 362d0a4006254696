"""Distillation by any combination of published losses, each with its weight and its taps."""

from seglet.methods.distill.config import Config
from seglet.methods.distill.method import Method

__all__ = ["Config", "Method"]
