"""Segmenter of CLIP's frozen image tower and a decoder of all its layers, for DiCLIP and WeCLIP."""

from collections.abc import MutableMapping
from typing import Any

from seglet.models.architecture import Architecture
from seglet.models.backbones.clip import CLIPBackbone
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.image_tower import ImageTower
from seglet.models.segmenter import Segmenter, build
from seglet.types import Classes

_BACKBONE = "student.network.backbone."


def build_clip_segmenter(
    clip: ImageTextEncoder, classes: Classes, seed: int, head: str = "weclip", width: float = 1.0, dropout: float = 0.1
) -> Segmenter:
    """Builds a segmenter of CLIP's image tower and a decoder with random weights.

    Args:
        clip: the model whose tower becomes the backbone, frozen.
        classes: classes of the segmenter.
        seed: decides the decoder's weights.
        head: a head of `CLIP_NETWORKS`.
        width: factor on the decoder's channels.
        dropout: rate of whole channels before the classifier.
    """
    description = clip.image.description()
    architecture = Architecture(
        name=f"{head}-clip",
        width=width,
        dropout=dropout,
        auxiliary=False,
        mean=tuple(description["mean"]),
        std=tuple(description["std"]),
        tower=description,
    )
    student = build(architecture, classes, seed)
    image_tower(student).load_state_dict(clip.image.state_dict())
    student.network.backbone.requires_grad_(False)
    return student


def image_tower(student: Segmenter) -> ImageTower:
    """Returns CLIP's image tower in a segmenter.

    Raises:
        ValueError: the segmenter has none.
    """
    backbone = student.network.backbone
    if not isinstance(backbone, CLIPBackbone):
        raise ValueError(f"expected a student on CLIP's image tower, got {student.architecture.name}")
    return backbone.tower


def drop_backbone(module: Any, state: MutableMapping[str, Any], prefix: str, metadata: Any) -> None:
    """Removes the backbone from the state of a checkpoint, because it never changes."""
    for name in [name for name in state if name.startswith(prefix + _BACKBONE)]:
        del state[name]


def keep_backbone(module: Any, state: MutableMapping[str, Any], prefix: str, *rest: Any) -> None:
    """Adds the module's own backbone to the state of a checkpoint that is about to be loaded."""
    own = module.student.network.backbone.state_dict(prefix=prefix + _BACKBONE)
    state.update(own)
