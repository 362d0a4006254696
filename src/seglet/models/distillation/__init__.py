"""Modules and state of distillation losses."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.models.distillation.adaptors import Adaptor, pixel_projector
    from seglet.models.distillation.afdcd import FeatureMasking
    from seglet.models.distillation.cirkd_memory import CirkdMemory, MemoryDraws, MemorySize
    from seglet.models.distillation.class_matching import (
        ClassMatch,
        SharedClass,
        match_teacher_classes,
        read_class_mapping,
    )
    from seglet.models.distillation.class_teacher import (
        AVERAGE,
        ClassTeacher,
        ClassTeacherConfig,
        SharedClasses,
        TeacherPass,
        load_class_teacher,
        teacher_sources,
    )
    from seglet.models.distillation.discriminator import Discriminator, SpatialSelfAttention, SpectralConv2d
    from seglet.models.distillation.feature_taps import (
        TappedOutput,
        TapShape,
        check_taps,
        forward_with_taps,
        freeze_unreached,
        measure_taps,
    )
    from seglet.models.distillation.feature_teachers import EncoderPlace, FeatureTeachers
    from seglet.models.distillation.teacher_group import LogitTeacher, TeacherGroup, TeacherRule
    from seglet.models.distillation.teachers import EMA, Frozen, load_teacher

__all__ = [
    "AVERAGE",
    "EMA",
    "Adaptor",
    "CirkdMemory",
    "ClassMatch",
    "ClassTeacher",
    "ClassTeacherConfig",
    "Discriminator",
    "EncoderPlace",
    "FeatureMasking",
    "FeatureTeachers",
    "Frozen",
    "LogitTeacher",
    "MemoryDraws",
    "MemorySize",
    "SharedClass",
    "SharedClasses",
    "SpatialSelfAttention",
    "SpectralConv2d",
    "TapShape",
    "TappedOutput",
    "TeacherGroup",
    "TeacherPass",
    "TeacherRule",
    "check_taps",
    "forward_with_taps",
    "freeze_unreached",
    "load_class_teacher",
    "load_teacher",
    "match_teacher_classes",
    "measure_taps",
    "pixel_projector",
    "read_class_mapping",
    "teacher_sources",
]

_HOMES = {
    "AVERAGE": "seglet.models.distillation.class_teacher",
    "Adaptor": "seglet.models.distillation.adaptors",
    "CirkdMemory": "seglet.models.distillation.cirkd_memory",
    "ClassMatch": "seglet.models.distillation.class_matching",
    "ClassTeacher": "seglet.models.distillation.class_teacher",
    "ClassTeacherConfig": "seglet.models.distillation.class_teacher",
    "Discriminator": "seglet.models.distillation.discriminator",
    "EMA": "seglet.models.distillation.teachers",
    "EncoderPlace": "seglet.models.distillation.feature_teachers",
    "FeatureMasking": "seglet.models.distillation.afdcd",
    "FeatureTeachers": "seglet.models.distillation.feature_teachers",
    "Frozen": "seglet.models.distillation.teachers",
    "LogitTeacher": "seglet.models.distillation.teacher_group",
    "MemoryDraws": "seglet.models.distillation.cirkd_memory",
    "MemorySize": "seglet.models.distillation.cirkd_memory",
    "SharedClass": "seglet.models.distillation.class_matching",
    "SharedClasses": "seglet.models.distillation.class_teacher",
    "SpatialSelfAttention": "seglet.models.distillation.discriminator",
    "SpectralConv2d": "seglet.models.distillation.discriminator",
    "TapShape": "seglet.models.distillation.feature_taps",
    "TappedOutput": "seglet.models.distillation.feature_taps",
    "TeacherGroup": "seglet.models.distillation.teacher_group",
    "TeacherPass": "seglet.models.distillation.class_teacher",
    "TeacherRule": "seglet.models.distillation.teacher_group",
    "check_taps": "seglet.models.distillation.feature_taps",
    "forward_with_taps": "seglet.models.distillation.feature_taps",
    "freeze_unreached": "seglet.models.distillation.feature_taps",
    "load_class_teacher": "seglet.models.distillation.class_teacher",
    "load_teacher": "seglet.models.distillation.teachers",
    "match_teacher_classes": "seglet.models.distillation.class_matching",
    "measure_taps": "seglet.models.distillation.feature_taps",
    "pixel_projector": "seglet.models.distillation.adaptors",
    "read_class_mapping": "seglet.models.distillation.class_matching",
    "teacher_sources": "seglet.models.distillation.class_teacher",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
