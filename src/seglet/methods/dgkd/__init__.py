"""Images in the dark, segmented from tags and taught by a network that saw the same images in the light."""

from seglet.methods.dgkd.config import Config
from seglet.methods.dgkd.method import Method

__all__ = ["Config", "Method"]
