"""Modules and state of distillation losses."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.models.distillation.adaptors import Adaptor, pixel_projector
    from seglet.models.distillation.afdcd import FeatureMasking
    from seglet.models.distillation.cirkd_memory import CirkdMemory, MemoryDraws, MemorySize
    from seglet.models.distillation.discriminator import Discriminator, SpatialSelfAttention, SpectralConv2d
    from seglet.models.distillation.feature_taps import (
        TappedOutput,
        TapShape,
        check_taps,
        forward_with_taps,
        measure_taps,
    )
    from seglet.models.distillation.teachers import EMA, Frozen, load_teacher

__all__ = [
    "EMA",
    "Adaptor",
    "CirkdMemory",
    "Discriminator",
    "FeatureMasking",
    "Frozen",
    "MemoryDraws",
    "MemorySize",
    "SpatialSelfAttention",
    "SpectralConv2d",
    "TapShape",
    "TappedOutput",
    "check_taps",
    "forward_with_taps",
    "load_teacher",
    "measure_taps",
    "pixel_projector",
]

_HOMES = {
    "Adaptor": "seglet.models.distillation.adaptors",
    "CirkdMemory": "seglet.models.distillation.cirkd_memory",
    "Discriminator": "seglet.models.distillation.discriminator",
    "EMA": "seglet.models.distillation.teachers",
    "FeatureMasking": "seglet.models.distillation.afdcd",
    "Frozen": "seglet.models.distillation.teachers",
    "MemoryDraws": "seglet.models.distillation.cirkd_memory",
    "MemorySize": "seglet.models.distillation.cirkd_memory",
    "SpatialSelfAttention": "seglet.models.distillation.discriminator",
    "SpectralConv2d": "seglet.models.distillation.discriminator",
    "TapShape": "seglet.models.distillation.feature_taps",
    "TappedOutput": "seglet.models.distillation.feature_taps",
    "check_taps": "seglet.models.distillation.feature_taps",
    "forward_with_taps": "seglet.models.distillation.feature_taps",
    "load_teacher": "seglet.models.distillation.teachers",
    "measure_taps": "seglet.models.distillation.feature_taps",
    "pixel_projector": "seglet.models.distillation.adaptors",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
