"""Single-stage segmentation from image tags: masks that are scored as classes, and then taught by themselves."""

from seglet.methods.ssss.config import Config
from seglet.methods.ssss.method import Method

__all__ = ["Config", "Method"]
