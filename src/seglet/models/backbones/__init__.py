"""Networks from an image to feature maps."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.models.backbones.base import Backbone, Stages
    from seglet.models.backbones.clip import CLIPBackbone
    from seglet.models.backbones.mit import MixTransformer
    from seglet.models.backbones.resnet import ResNet
    from seglet.models.backbones.variants import (
        MIX_TRANSFORMERS,
        RESNETS,
        VISION_TRANSFORMERS,
        WIDE_RESNETS,
        VisionTransformerShape,
    )
    from seglet.models.backbones.vit import TransformerBlock, VisionTransformer, two_layer_perceptron
    from seglet.models.backbones.vit_pretrained import pretrained_weights
    from seglet.models.backbones.wide_resnet38 import PreActivationBlock, PreActivationBottleneck, WideResNet38

__all__ = [
    "MIX_TRANSFORMERS",
    "RESNETS",
    "VISION_TRANSFORMERS",
    "WIDE_RESNETS",
    "Backbone",
    "CLIPBackbone",
    "MixTransformer",
    "PreActivationBlock",
    "PreActivationBottleneck",
    "ResNet",
    "Stages",
    "TransformerBlock",
    "VisionTransformer",
    "VisionTransformerShape",
    "WideResNet38",
    "pretrained_weights",
    "two_layer_perceptron",
]

_HOMES = {
    "Backbone": "seglet.models.backbones.base",
    "CLIPBackbone": "seglet.models.backbones.clip",
    "MIX_TRANSFORMERS": "seglet.models.backbones.variants",
    "MixTransformer": "seglet.models.backbones.mit",
    "PreActivationBlock": "seglet.models.backbones.wide_resnet38",
    "PreActivationBottleneck": "seglet.models.backbones.wide_resnet38",
    "RESNETS": "seglet.models.backbones.variants",
    "ResNet": "seglet.models.backbones.resnet",
    "Stages": "seglet.models.backbones.base",
    "TransformerBlock": "seglet.models.backbones.vit",
    "VISION_TRANSFORMERS": "seglet.models.backbones.variants",
    "VisionTransformer": "seglet.models.backbones.vit",
    "VisionTransformerShape": "seglet.models.backbones.variants",
    "WIDE_RESNETS": "seglet.models.backbones.variants",
    "WideResNet38": "seglet.models.backbones.wide_resnet38",
    "pretrained_weights": "seglet.models.backbones.vit_pretrained",
    "two_layer_perceptron": "seglet.models.backbones.vit",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
