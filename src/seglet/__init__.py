"""Small segmentation models from small supervision: tags, a few masks, dark images, a big teacher.

The names here are promised to stay; everything else can be imported but may change. Nothing heavy is loaded before
one of them is used.
"""

from typing import TYPE_CHECKING

from seglet._version import __version__
from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet import labels, losses
    from seglet.api.auto import auto
    from seglet.api.evaluate import evaluate
    from seglet.api.export import export
    from seglet.api.predict import predict
    from seglet.api.prepare import prepare
    from seglet.api.pseudo_label import pseudo_label
    from seglet.api.refine import refine
    from seglet.api.train import train
    from seglet.data.opening import open_dataset
    from seglet.models.architecture import Architecture
    from seglet.models.segmenter import Segmenter, build, load
    from seglet.types import Classes

__all__ = [
    "Architecture",
    "Classes",
    "Segmenter",
    "__version__",
    "auto",
    "build",
    "evaluate",
    "export",
    "labels",
    "load",
    "losses",
    "open_dataset",
    "predict",
    "prepare",
    "pseudo_label",
    "refine",
    "train",
]

_HOMES = {
    "Architecture": "seglet.models.architecture",
    "Classes": "seglet.types",
    "Segmenter": "seglet.models.segmenter",
    "auto": "seglet.api.auto",
    "build": "seglet.models.segmenter",
    "evaluate": "seglet.api.evaluate",
    "export": "seglet.api.export",
    "labels": "seglet.labels",
    "load": "seglet.models.segmenter",
    "losses": "seglet.losses",
    "open_dataset": "seglet.data.opening",
    "predict": "seglet.api.predict",
    "prepare": "seglet.api.prepare",
    "pseudo_label": "seglet.api.pseudo_label",
    "refine": "seglet.api.refine",
    "train": "seglet.api.train",
}


__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
