"""The segmenter that DiCLIP trains: CLIP's image tower, which stays as it is, and a decoder of all its layers."""

from collections.abc import MutableMapping
from typing import Any

from seglet.methods.diclip.config import Config
from seglet.models.architecture import Architecture
from seglet.models.backbones.clip import CLIPBackbone
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.image_tower import ImageTower
from seglet.models.segmenter import Segmenter, build
from seglet.types import Classes

BACKBONE = "student.network.backbone."


def build_segmenter(config: Config, classes: Classes, clip: ImageTextEncoder, seed: int) -> Segmenter:
    """A decoder from chance on CLIP's own weights."""
    description = clip.image.description()
    architecture = Architecture(
        name=f"{config.head}-clip",
        width=config.width,
        dropout=config.dropout,
        auxiliary=False,
        mean=tuple(description["mean"]),
        std=tuple(description["std"]),
        tower=description,
    )
    student = build(architecture, classes, seed)
    tower(student).load_state_dict(clip.image.state_dict())
    student.network.backbone.requires_grad_(False)
    return student


def tower(student: Segmenter) -> ImageTower:
    """
    Raises:
        ValueError: the student has none.
    """
    backbone = student.network.backbone
    if not isinstance(backbone, CLIPBackbone):
        raise ValueError(f"expected a student on CLIP's image tower, got {student.architecture.name}")
    return backbone.tower


def without_backbone(module: Any, state: MutableMapping[str, Any], prefix: str, metadata: Any) -> None:
    """A checkpoint need not hold what never changes."""
    for name in [name for name in state if name.startswith(prefix + BACKBONE)]:
        del state[name]


def with_own_backbone(module: Any, state: MutableMapping[str, Any], prefix: str, *rest: Any) -> None:
    own = module.student.network.backbone.state_dict(prefix=prefix + BACKBONE)
    state.update(own)
