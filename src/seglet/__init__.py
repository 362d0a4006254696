"""Small segmentation models from small supervision: tags, a few masks, dark images, a big teacher.

The names here are promised to stay; everything else can be imported but may change. Nothing heavy is loaded before
one of them is used.
"""

from typing import TYPE_CHECKING

from seglet._version import __version__
from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.opening import open_dataset
    from seglet.models.architecture import Architecture
    from seglet.models.segmenter import Segmenter, build, load

__all__ = ["Architecture", "Segmenter", "__version__", "build", "load", "open_dataset"]

_HOMES = {
    "Architecture": "seglet.models.architecture",
    "Segmenter": "seglet.models.segmenter",
    "build": "seglet.models.segmenter",
    "load": "seglet.models.segmenter",
    "open_dataset": "seglet.data.opening",
}


__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
