"""Small segmentation models from small supervision: tags, a few masks, dark images, a big teacher.

The names here are promised to stay; everything else can be imported but may change. Nothing heavy is loaded before
one of them is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from seglet._version import __version__

if TYPE_CHECKING:
    from seglet.data.dataset import open_dataset
    from seglet.evaluation.evaluate import evaluate
    from seglet.models.architecture import Architecture
    from seglet.models.segmenter import Segmenter, build, load

__all__ = ["Architecture", "Segmenter", "__version__", "build", "evaluate", "load", "open_dataset"]

_HOMES = {
    "Architecture": "seglet.models.architecture",
    "Segmenter": "seglet.models.segmenter",
    "build": "seglet.models.segmenter",
    "evaluate": "seglet.evaluation.evaluate",
    "load": "seglet.models.segmenter",
    "open_dataset": "seglet.data.dataset",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"seglet has no {name!r}; it has {', '.join(_HOMES)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
