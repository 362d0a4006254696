"""Cross pseudo supervision: two networks, each taught by the labels that the other predicts (CPS)."""

from seglet.methods.cps.config import Config
from seglet.methods.cps.method import Method

__all__ = ["Config", "Method"]
