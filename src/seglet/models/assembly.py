"""Networks from their descriptions. Only the modules of the backbone and the head that a name asks for are imported."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from seglet.models.architecture import Architecture
from seglet.models.backbones.base import Backbone
from seglet.models.backbones.variants import (
    BACKBONE_FAMILIES,
    EFFICIENTNET_LITES,
    MIX_TRANSFORMERS,
    RESNETS,
    VISION_TRANSFORMERS,
    WIDE_RESNETS,
)
from seglet.models.heads.base import Head
from seglet.models.layers.conv import scaled_channels
from seglet.models.layers.normalise import Normalise
from seglet.models.network import Network

if TYPE_CHECKING:
    from seglet.models.layers.feature_pyramid import StageReading

_WITH_AUXILIARY = ("deeplabv3", "deeplabv3plus", "pspnet", "deeplabv2")
"""Heads beside which an auxiliary one is trained."""

_READ_STAGES = {
    "deeplabv2": (3,),
    "deeplabv3": (3,),
    "pspnet": (3,),
    "cam": (3,),
    "deeplabv3plus": (0, 3),
    "ssss": (0, 3),
    "fpn": (1, 2, 3),
}
"""Indices of the stages that a head reads; all of them where it is not named."""

_HIDDEN = {"clip_tiny": 64}
"""Channels of the decoder by backbone; 256 of all others, where their authors do not say otherwise."""

_DEEPLABV3_SHARES = {"resnet50": 8, "resnet101": 8, "wideresnet38": 16}
"""Divisors of the deepest stage's channels that give those of DeepLabV3's decoder; 4 for all other backbones."""


def assemble_network(architecture: Architecture, num_classes: int) -> Network:
    """Builds a network with the weights torch draws from its global generator (none on the meta device)."""
    backbone = build_backbone(architecture)
    if architecture.depth is not None:
        from seglet.models.layers.depth_fusion import DepthFusion

        guidance = architecture.depth
        channels = backbone.guided_channels[: guidance.places]
        backbone.fusion = DepthFusion(
            channels, guidance.way, guidance.weight, guidance.official, architecture.width, guidance.gate
        )
    head = build_head(architecture, backbone, num_classes)
    if not (architecture.auxiliary and architecture.head in _WITH_AUXILIARY) or architecture.tower is not None:
        return Network(backbone, head)
    from seglet.models.heads.base import FCNHead

    return Network(backbone, head, FCNHead(backbone.channels[2], num_classes, architecture.dropout))


def input_convention(architecture: Architecture) -> Normalise:
    """Returns the normalisation that a network's images go through first."""
    return Normalise(architecture.mean, architecture.std, architecture.bgr)


def build_backbone(architecture: Architecture) -> Backbone:
    """Builds the backbone without depth guidance."""
    builders = _DESCRIBED if architecture.shape is not None else _BACKBONES
    backbone = builders[architecture.backbone](architecture, input_convention(architecture))
    if architecture.channels is not None:
        from seglet.models.input_channels import widen_input

        widen_input(backbone, [channel.name for channel in architecture.channels])
    return backbone


def _resnet(architecture: Architecture, normalise: Normalise) -> Backbone:
    from seglet.models.backbones.resnet import ResNet

    return ResNet(architecture.backbone, normalise, architecture.width, architecture.output_stride)


def _efficientnet_lite(architecture: Architecture, normalise: Normalise) -> Backbone:
    from seglet.models.backbones.efficientnet_lite import EfficientNetLite

    return EfficientNetLite(architecture.backbone, normalise, architecture.width, architecture.output_stride)


def _wide_resnet38(architecture: Architecture, normalise: Normalise) -> Backbone:
    from seglet.models.backbones.wide_resnet38 import WideResNet38

    return WideResNet38(normalise, architecture.width)


def _mix_transformer(architecture: Architecture, normalise: Normalise) -> Backbone:
    from seglet.models.backbones.mit import MixTransformer

    return MixTransformer(
        architecture.backbone, normalise, architecture.width, architecture.drop_path, architecture.last_stride or 32
    )


def _vision_transformer(architecture: Architecture, normalise: Normalise) -> Backbone:
    from seglet.models.backbones.vit import VisionTransformer

    read = (0, 3) if architecture.head == "ssss" else (0, 1, 2, 3)
    return VisionTransformer(architecture.backbone, normalise, architecture.width, read, architecture.drop_path)


def _plain_transformer(architecture: Architecture, normalise: Normalise) -> Backbone:
    from seglet.models.backbones.plain_transformer import PlainTransformer

    reading = stage_reading(architecture)
    return PlainTransformer(architecture.shape or {}, normalise, reading, architecture.drop_path)


def _transformers_backbone(architecture: Architecture, normalise: Normalise) -> Backbone:
    from seglet.models.backbones.transformers_backbone import TransformersBackbone

    return TransformersBackbone(architecture.shape or {}, normalise, stage_reading(architecture))


def _convolutional(architecture: Architecture, normalise: Normalise) -> Backbone:
    from seglet.models.backbones.described import BuildOptions, build_described

    read = stage_reading(architecture).places
    options = BuildOptions(architecture.output_stride, architecture.drop_path, read)
    return build_described(architecture.backbone, architecture.shape or {}, normalise, options)


def stage_reading(architecture: Architecture) -> "StageReading":
    """Returns the stages that the heads of a network read, for backbones whose maps have one size."""
    from seglet.models.layers.feature_pyramid import StageReading

    read = set(_READ_STAGES.get(architecture.head, (0, 1, 2, 3)))
    auxiliary = architecture.auxiliary and architecture.head in _WITH_AUXILIARY
    places = tuple(sorted(read | ({2} if auxiliary else set())))
    layout: Literal["plain", "pyramid"] = "plain" if architecture.head in ("vila", "dpt") else "pyramid"
    return StageReading(places, layout, architecture.output_stride)


def _clip(architecture: Architecture, normalise: Normalise) -> Backbone:
    from seglet.models.backbones.clip import CLIPBackbone
    from seglet.models.foundation.image_tower import ImageTower

    if architecture.tower is None:
        raise ValueError(f"network {architecture.name!r} needs an image tower's description")
    return CLIPBackbone(ImageTower.build(architecture.tower), normalise)


_BACKBONES: Mapping[str, Callable[[Architecture, Normalise], Backbone]] = {
    **dict.fromkeys(RESNETS, _resnet),
    **dict.fromkeys(EFFICIENTNET_LITES, _efficientnet_lite),
    **dict.fromkeys(WIDE_RESNETS, _wide_resnet38),
    **dict.fromkeys(MIX_TRANSFORMERS, _mix_transformer),
    **dict.fromkeys(VISION_TRANSFORMERS, _vision_transformer),
    "clip": _clip,
}

_DESCRIBED: Mapping[str, Callable[[Architecture, Normalise], Backbone]] = {
    "vit": _plain_transformer,
    "hf": _transformers_backbone,
    **dict.fromkeys(("resnet", "convnext", "efficientnet", "mobilenetv3", "mobilenetv4"), _convolutional),
}
"""Builders of the families of `BACKBONE_FAMILIES`, which read `Architecture.shape`."""


def build_head(architecture: Architecture, backbone: Backbone, num_classes: int) -> Head:
    """Builds the head of a backbone.

    DeepLabV3's and PSPNet's heads are as wide as in CIRKD's first version, the others as wide as their authors make
    them.
    """
    return _HEADS[architecture.head](architecture, backbone, num_classes)


def _deeplabv2(architecture: Architecture, backbone: Backbone, num_classes: int) -> Head:
    from seglet.models.heads.deeplabv2 import DeepLabV2Head

    return DeepLabV2Head(backbone.channels[-1], num_classes, architecture.dropout)


def _deeplabv3(architecture: Architecture, backbone: Backbone, num_classes: int) -> Head:
    from seglet.models.heads.deeplabv3 import DeepLabV3Head

    inside = backbone.channels[-1]
    hidden = inside // _DEEPLABV3_SHARES.get(architecture.backbone, 4)
    return DeepLabV3Head(inside, hidden, num_classes, architecture.dropout, architecture.aspp_dropout)


def _deeplabv3plus(architecture: Architecture, backbone: Backbone, num_classes: int) -> Head:
    from seglet.models.heads.deeplabv3plus import DeepLabV3PlusHead

    hidden, rates = scaled_channels(256, architecture.width), pyramid_rates(architecture)
    return DeepLabV3PlusHead(backbone.channels, hidden, num_classes, backbone.shallow, rates, architecture.dropout)


def _pspnet(architecture: Architecture, backbone: Backbone, num_classes: int) -> Head:
    from seglet.models.heads.pspnet import PSPHead

    return PSPHead(backbone.channels[-1], num_classes, architecture.dropout)


def _segformer(architecture: Architecture, backbone: Backbone, num_classes: int) -> Head:
    from seglet.models.heads.segformer import SegFormerHead

    large = architecture.backbone in MIX_TRANSFORMERS and architecture.backbone not in ("mit_b0", "mit_b1")
    hidden = scaled_channels(768 if large else 256, architecture.width)
    return SegFormerHead(backbone.channels, hidden, num_classes, architecture.dropout)


def _fpn(architecture: Architecture, backbone: Backbone, num_classes: int) -> Head:
    from seglet.models.heads.fpn import FPNHead

    return FPNHead(
        backbone.channels, scaled_channels(128, architecture.width), num_classes, dropout=architecture.dropout
    )


def _cam(architecture: Architecture, backbone: Backbone, num_classes: int) -> Head:
    from seglet.models.heads.cam import CAMHead

    return CAMHead(backbone.channels[-1], num_classes, architecture.dropout)


def _ssss(architecture: Architecture, backbone: Backbone, num_classes: int) -> Head:
    from seglet.models.heads.ssss import MaskGrid, SSSSHead

    name = architecture.backbone
    grid = MaskGrid(backbone.shallow, VISION_TRANSFORMERS[name].patch // 4 if name in VISION_TRANSFORMERS else 1)
    dropouts = (architecture.dropout, architecture.aspp_dropout)
    return SSSSHead(backbone.channels, _hidden(architecture), num_classes, grid, pyramid_rates(architecture), dropouts)


def _vila(architecture: Architecture, backbone: Backbone, num_classes: int) -> Head:
    from seglet.models.heads.vila import ViLaHead

    return ViLaHead(backbone.channels, _hidden(architecture), num_classes, architecture.dropout)


def _dpt(architecture: Architecture, backbone: Backbone, num_classes: int) -> Head:
    from seglet.models.heads.dpt import DPTHead, DPTWidths

    widths = DPTWidths.of(backbone.channels[-1], architecture.width)
    return DPTHead(backbone.channels, widths, num_classes, architecture.dropout)


def _weclip(architecture: Architecture, backbone: Backbone, num_classes: int) -> Head:
    from seglet.models.heads.weclip_decoder import (
        LargeFieldClassifier,
        LayerFusion,
        TransformerClassifier,
        WeCLIPDecoder,
    )

    channels, hidden = backbone.channels, scaled_channels(256, architecture.width)
    kind = TransformerClassifier if architecture.head == "weclip" else LargeFieldClassifier
    fusion = LayerFusion(channels[-1], len(channels), hidden)
    return WeCLIPDecoder(fusion, kind(hidden, num_classes), architecture.dropout)


_HEADS: Mapping[str, Callable[[Architecture, Backbone, int], Head]] = {
    "deeplabv2": _deeplabv2,
    "deeplabv3": _deeplabv3,
    "deeplabv3plus": _deeplabv3plus,
    "pspnet": _pspnet,
    "segformer": _segformer,
    "cam": _cam,
    "fpn": _fpn,
    "ssss": _ssss,
    "vila": _vila,
    "dpt": _dpt,
    "weclip": _weclip,
    "largefield": _weclip,
}


def _hidden(architecture: Architecture) -> int:
    return scaled_channels(_HIDDEN.get(architecture.backbone, 256), architecture.width)


def pyramid_rates(architecture: Architecture) -> tuple[int, int, int]:
    """Returns the dilations of the pyramid: the authors' for stride 8, half of them for larger strides."""
    name = architecture.backbone
    if (family := BACKBONE_FAMILIES.get(name)) is not None:
        return (6, 12, 18) if not family.strides or architecture.output_stride >= 16 else (12, 24, 36)
    strided = name in RESNETS or name in EFFICIENTNET_LITES
    coarse = name in MIX_TRANSFORMERS or (strided and architecture.output_stride >= 16)
    if name in VISION_TRANSFORMERS:
        coarse = VISION_TRANSFORMERS[name].patch > 8
    return (6, 12, 18) if coarse else (12, 24, 36)
