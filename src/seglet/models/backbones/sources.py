"""Pretrained backbones by the place they come from: `hf:OWNER/NAME`, `timm:NAME`, `clip:NAME`, or a folder of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglet.models.backbones.base import Backbone
from seglet.models.backbones.matching import MatchedWeights
from seglet.models.backbones.variants import RESNETS, SOURCE_SCHEMES
from seglet.models.layers.normalise import ChannelValues
from seglet.values import choose_from


@dataclass(frozen=True)
class BackboneSource:
    """A backbone as its source describes it.

    Args:
        name: the source as it was given, such as `hf:facebook/dinov2-small`.
        backbone: one of our backbones, or a family of `BACKBONE_FAMILIES`.
        shape: description of the latter, see `Architecture.shape`; None for the former.
        mean: of the images that it was trained on, see `Normalise`.
        std: likewise.
        read: reads the weights for a backbone that was built as described.
        licence: of the weights; empty where it is not known here.
        tower: description of CLIP's image tower, see `Architecture.tower`; None for all others.
    """

    name: str
    backbone: str
    shape: Mapping[str, Any] | None
    mean: ChannelValues
    std: ChannelValues
    read: Callable[[Backbone], MatchedWeights]
    licence: str = ""
    tower: Mapping[str, Any] | None = None


def open_source(name: str, weights: bool = True) -> BackboneSource:
    """Describes the backbone that a source names, SCHEME:PLACE, and finds its weights unless they are not wanted.

    Raises:
        ValueError: it is not available, or no backbone that is known here; the message says what to do.
    """
    scheme, colon, place = name.partition(":")
    scheme += colon
    if scheme not in _SCHEMES:
        raise ValueError(f"unknown source {name!r} of a backbone; {choose_from(scheme, SOURCE_SCHEMES)}")
    if not place:
        raise ValueError(f"{name!r} names no model; give {scheme}OWNER/NAME or {scheme}FOLDER")
    return _SCHEMES[scheme](place, weights)


def open_source_for(backbone: str, name: str) -> BackboneSource:
    """Describes the weights that a source has for one of our backbones; those of a ResNet decide its stem.

    Raises:
        ValueError: it is not available, or is another network.
    """
    if ":" in backbone:
        raise ValueError(f"pretrained: {backbone} has weights of its own; expected auto, none or a file, got {name!r}")
    source = open_source(name)
    found = source.backbone if source.shape is None else _resnet_name(source.shape)
    if found != backbone:
        scheme, _, place = name.partition(":")
        raise ValueError(
            f"pretrained: {name} is {found or 'no backbone of ours'}, and the student has {backbone}; "
            f"give its own weights, or take the student HEAD-{scheme}:{place}"
        )
    return source


def _resnet_name(shape: Mapping[str, Any]) -> str:
    """Returns the name of our ResNet with these blocks, whatever its stem; empty if there is none."""
    return next(
        (
            name
            for name, own in RESNETS.items()
            if (shape.get("bottleneck"), tuple(shape.get("depths", ())), tuple(shape.get("channels", ())))
            == (own.bottleneck, own.depths, own.channels)
        ),
        "",
    )


def open_file(backbone: str, file: Path) -> BackboneSource:
    """Describes one of our ResNets, or a backbone of timm's, whose weights are in a file with timm's names.

    Raises:
        ValueError: the file does not fit, or the backbone has weights of its own.
    """
    from seglet.models.backbones.timm_layout import open_timm_file

    scheme, _, place = backbone.rpartition(":")
    if scheme not in ("", "timm"):
        raise ValueError(f"pretrained: {backbone} has weights of its own; expected auto or none, got {str(file)!r}")
    return open_timm_file(place, file)


def _hugging_face(place: str, weights: bool) -> BackboneSource:
    from seglet.models.backbones.hugging_face import open_hugging_face

    return open_hugging_face(place, weights)


def _timm(place: str, weights: bool) -> BackboneSource:
    from seglet.models.backbones.timm_layout import open_timm

    return open_timm(place, weights)


def _clip(place: str, weights: bool) -> BackboneSource:
    from seglet.models.backbones.clip_source import open_clip

    return open_clip(place, weights)


_SCHEMES: Mapping[str, Callable[[str, bool], BackboneSource]] = dict(
    zip(SOURCE_SCHEMES, (_hugging_face, _timm, _clip), strict=True)
)
"""Readers by scheme; they take what stands behind it, and whether weights are wanted."""
