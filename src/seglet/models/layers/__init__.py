"""Layers that several networks share."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.models.layers.attention_fusion import AttentionFusion, fuse_attention
    from seglet.models.layers.conv import ConvNorm, ConvNormRelu, scaled_channels
    from seglet.models.layers.depth_fusion import SFT, DepthFusion, DepthPrior, fuse_guided
    from seglet.models.layers.dropout import (
        Dropout,
        DropPath,
        StochasticModule,
        active_dropouts,
        has_active_dropout,
        noise_from,
    )
    from seglet.models.layers.feature_pyramid import ChannelNorm, FeaturePyramid, MapScaling, StageReading
    from seglet.models.layers.initialise import CustomInitialisation, initialise_weights
    from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD, ChannelValues, Normalise
    from seglet.models.layers.patch_features import cosine_affinity, masked_mean, product_affinity
    from seglet.models.layers.same_conv import SameConv, SameConvNorm

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "SFT",
    "AttentionFusion",
    "ChannelNorm",
    "ChannelValues",
    "ConvNorm",
    "ConvNormRelu",
    "CustomInitialisation",
    "DepthFusion",
    "DepthPrior",
    "DropPath",
    "Dropout",
    "FeaturePyramid",
    "MapScaling",
    "Normalise",
    "SameConv",
    "SameConvNorm",
    "StageReading",
    "StochasticModule",
    "active_dropouts",
    "cosine_affinity",
    "fuse_attention",
    "fuse_guided",
    "has_active_dropout",
    "initialise_weights",
    "masked_mean",
    "noise_from",
    "product_affinity",
    "scaled_channels",
]

_HOMES = {
    "AttentionFusion": "seglet.models.layers.attention_fusion",
    "ChannelNorm": "seglet.models.layers.feature_pyramid",
    "ChannelValues": "seglet.models.layers.normalise",
    "ConvNorm": "seglet.models.layers.conv",
    "ConvNormRelu": "seglet.models.layers.conv",
    "CustomInitialisation": "seglet.models.layers.initialise",
    "DepthFusion": "seglet.models.layers.depth_fusion",
    "DepthPrior": "seglet.models.layers.depth_fusion",
    "DropPath": "seglet.models.layers.dropout",
    "Dropout": "seglet.models.layers.dropout",
    "FeaturePyramid": "seglet.models.layers.feature_pyramid",
    "IMAGENET_MEAN": "seglet.models.layers.normalise",
    "IMAGENET_STD": "seglet.models.layers.normalise",
    "MapScaling": "seglet.models.layers.feature_pyramid",
    "Normalise": "seglet.models.layers.normalise",
    "SFT": "seglet.models.layers.depth_fusion",
    "SameConv": "seglet.models.layers.same_conv",
    "SameConvNorm": "seglet.models.layers.same_conv",
    "StageReading": "seglet.models.layers.feature_pyramid",
    "StochasticModule": "seglet.models.layers.dropout",
    "active_dropouts": "seglet.models.layers.dropout",
    "cosine_affinity": "seglet.models.layers.patch_features",
    "fuse_attention": "seglet.models.layers.attention_fusion",
    "fuse_guided": "seglet.models.layers.depth_fusion",
    "has_active_dropout": "seglet.models.layers.dropout",
    "initialise_weights": "seglet.models.layers.initialise",
    "masked_mean": "seglet.models.layers.patch_features",
    "noise_from": "seglet.models.layers.dropout",
    "product_affinity": "seglet.models.layers.patch_features",
    "scaled_channels": "seglet.models.layers.conv",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
