"""Single-stage segmentation from image tags (SSSS): class scores pooled under masks, then self-training."""

from seglet.methods.ssss.config import Config
from seglet.methods.ssss.method import Method

__all__ = ["Config", "Method"]
