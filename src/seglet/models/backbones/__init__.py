"""Networks from an image to feature maps."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.models.backbones.base import Backbone, Stages
    from seglet.models.backbones.clip import CLIPBackbone
    from seglet.models.backbones.convnext import ConvNeXt
    from seglet.models.backbones.described import build_described
    from seglet.models.backbones.efficientnet import EfficientNet
    from seglet.models.backbones.efficientnet_lite import EfficientNetLite
    from seglet.models.backbones.hugging_face import open_hugging_face
    from seglet.models.backbones.matching import MatchedWeights, match_weights
    from seglet.models.backbones.mit import MixTransformer
    from seglet.models.backbones.mobile import MobileNetwork
    from seglet.models.backbones.mobilenetv3 import MobileNetV3
    from seglet.models.backbones.mobilenetv4 import MobileNetV4
    from seglet.models.backbones.plain_transformer import PlainTransformer, PlainTransformerShape
    from seglet.models.backbones.resnet import ResNet
    from seglet.models.backbones.sources import BackboneSource, open_file, open_source, open_source_for
    from seglet.models.backbones.timm_variants import TIMM_FAMILIES, timm_shape
    from seglet.models.backbones.transformers_backbone import TransformersBackbone
    from seglet.models.backbones.variants import (
        BACKBONE_FAMILIES,
        DESCRIBED_NETWORKS,
        MIX_TRANSFORMERS,
        RESNETS,
        SOURCE_SCHEMES,
        VISION_TRANSFORMERS,
        WIDE_RESNETS,
        BackboneFamily,
        VisionTransformerShape,
    )
    from seglet.models.backbones.vit import TransformerBlock, VisionTransformer, two_layer_perceptron
    from seglet.models.backbones.vit_pretrained import pretrained_weights
    from seglet.models.backbones.weight_names import timm_names
    from seglet.models.backbones.wide_resnet38 import PreActivationBlock, PreActivationBottleneck, WideResNet38

__all__ = [
    "BACKBONE_FAMILIES",
    "DESCRIBED_NETWORKS",
    "MIX_TRANSFORMERS",
    "RESNETS",
    "SOURCE_SCHEMES",
    "TIMM_FAMILIES",
    "VISION_TRANSFORMERS",
    "WIDE_RESNETS",
    "Backbone",
    "BackboneFamily",
    "BackboneSource",
    "CLIPBackbone",
    "ConvNeXt",
    "EfficientNet",
    "EfficientNetLite",
    "MatchedWeights",
    "MixTransformer",
    "MobileNetV3",
    "MobileNetV4",
    "MobileNetwork",
    "PlainTransformer",
    "PlainTransformerShape",
    "PreActivationBlock",
    "PreActivationBottleneck",
    "ResNet",
    "Stages",
    "TransformerBlock",
    "TransformersBackbone",
    "VisionTransformer",
    "VisionTransformerShape",
    "WideResNet38",
    "build_described",
    "match_weights",
    "open_file",
    "open_hugging_face",
    "open_source",
    "open_source_for",
    "pretrained_weights",
    "timm_names",
    "timm_shape",
    "two_layer_perceptron",
]

_HOMES = {
    "BACKBONE_FAMILIES": "seglet.models.backbones.variants",
    "Backbone": "seglet.models.backbones.base",
    "BackboneFamily": "seglet.models.backbones.variants",
    "BackboneSource": "seglet.models.backbones.sources",
    "CLIPBackbone": "seglet.models.backbones.clip",
    "ConvNeXt": "seglet.models.backbones.convnext",
    "DESCRIBED_NETWORKS": "seglet.models.backbones.variants",
    "EfficientNet": "seglet.models.backbones.efficientnet",
    "EfficientNetLite": "seglet.models.backbones.efficientnet_lite",
    "TransformersBackbone": "seglet.models.backbones.transformers_backbone",
    "MIX_TRANSFORMERS": "seglet.models.backbones.variants",
    "MatchedWeights": "seglet.models.backbones.matching",
    "MixTransformer": "seglet.models.backbones.mit",
    "MobileNetV3": "seglet.models.backbones.mobilenetv3",
    "MobileNetV4": "seglet.models.backbones.mobilenetv4",
    "MobileNetwork": "seglet.models.backbones.mobile",
    "PlainTransformer": "seglet.models.backbones.plain_transformer",
    "PlainTransformerShape": "seglet.models.backbones.plain_transformer",
    "PreActivationBlock": "seglet.models.backbones.wide_resnet38",
    "PreActivationBottleneck": "seglet.models.backbones.wide_resnet38",
    "RESNETS": "seglet.models.backbones.variants",
    "ResNet": "seglet.models.backbones.resnet",
    "SOURCE_SCHEMES": "seglet.models.backbones.variants",
    "Stages": "seglet.models.backbones.base",
    "TIMM_FAMILIES": "seglet.models.backbones.timm_variants",
    "TransformerBlock": "seglet.models.backbones.vit",
    "VISION_TRANSFORMERS": "seglet.models.backbones.variants",
    "VisionTransformer": "seglet.models.backbones.vit",
    "VisionTransformerShape": "seglet.models.backbones.variants",
    "WIDE_RESNETS": "seglet.models.backbones.variants",
    "WideResNet38": "seglet.models.backbones.wide_resnet38",
    "build_described": "seglet.models.backbones.described",
    "match_weights": "seglet.models.backbones.matching",
    "open_file": "seglet.models.backbones.sources",
    "open_hugging_face": "seglet.models.backbones.hugging_face",
    "open_source": "seglet.models.backbones.sources",
    "open_source_for": "seglet.models.backbones.sources",
    "pretrained_weights": "seglet.models.backbones.vit_pretrained",
    "timm_names": "seglet.models.backbones.weight_names",
    "timm_shape": "seglet.models.backbones.timm_variants",
    "two_layer_perceptron": "seglet.models.backbones.vit",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
