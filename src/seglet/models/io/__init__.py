"""Saving, loading and publishing segmenters; reading checkpoint files."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.models.io.checkpoints import read_tensors
    from seglet.models.io.locate import BUNDLED_FOLDER, BUNDLED_MODELS, bundled_model, segmenter_folder
    from seglet.models.io.model_card import LICENCE_NOT_STATED, LicensedPart, Provenance
    from seglet.models.io.storage import CONFIG_FILE, SEGMENTER_FORMAT

__all__ = [
    "BUNDLED_FOLDER",
    "BUNDLED_MODELS",
    "CONFIG_FILE",
    "LICENCE_NOT_STATED",
    "SEGMENTER_FORMAT",
    "LicensedPart",
    "Provenance",
    "bundled_model",
    "read_tensors",
    "segmenter_folder",
]

_HOMES = {
    "BUNDLED_FOLDER": "seglet.models.io.locate",
    "BUNDLED_MODELS": "seglet.models.io.locate",
    "CONFIG_FILE": "seglet.models.io.storage",
    "LICENCE_NOT_STATED": "seglet.models.io.model_card",
    "LicensedPart": "seglet.models.io.model_card",
    "Provenance": "seglet.models.io.model_card",
    "SEGMENTER_FORMAT": "seglet.models.io.storage",
    "bundled_model": "seglet.models.io.locate",
    "read_tensors": "seglet.models.io.checkpoints",
    "segmenter_folder": "seglet.models.io.locate",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
