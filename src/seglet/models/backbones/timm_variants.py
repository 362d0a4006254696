"""Shapes of timm's networks by the names of their architectures."""

import re
from collections.abc import Callable, Mapping
from typing import cast

from seglet.models.backbones.described import KnownShape
from seglet.models.backbones.variants import (
    ConvNeXtShape,
    Depths,
    EfficientNetShape,
    MobileNetV3Shape,
    MobileNetV3Size,
    MobileNetV4Shape,
    MobileNetV4Size,
    ResNetShape,
)

TIMM_FAMILIES = {
    "resnet": "resnet18, 26, 34, 50, 101, 152 and 200, also with c, d, s or t",
    "convnext": "convnext_atto to convnext_xxlarge",
    "convnextv2": "convnextv2_atto to convnextv2_huge",
    "efficientnet": "efficientnet_b0 to b8, efficientnet_lite0 to lite4, also with tf_",
    "mobilenetv3": "mobilenetv3_large_100, mobilenetv3_small_100 and other widths, also with tf_",
    "mobilenetv4": "mobilenetv4_conv_small, medium and large",
}
"""Families of timm's that are known here, and their networks, for messages."""

_RESNET_DEPTHS: Mapping[int, tuple[bool, Depths]] = {
    10: (False, (1, 1, 1, 1)),
    14: (True, (1, 1, 1, 1)),
    18: (False, (2, 2, 2, 2)),
    26: (True, (2, 2, 2, 2)),
    34: (False, (3, 4, 6, 3)),
    50: (True, (3, 4, 6, 3)),
    101: (True, (3, 4, 23, 3)),
    152: (True, (3, 8, 36, 3)),
    200: (True, (3, 24, 36, 3)),
}
_RESNET_STEMS = {"": (64,), "c": (32, 32, 64), "d": (32, 32, 64), "s": (64, 64, 128), "t": (24, 32, 64)}
_EFFICIENTNET_SCALES = {
    "b0": (1.0, 1.0),
    "b1": (1.0, 1.1),
    "b2": (1.1, 1.2),
    "b3": (1.2, 1.4),
    "b4": (1.4, 1.8),
    "b5": (1.6, 2.2),
    "b6": (1.8, 2.6),
    "b7": (2.0, 3.1),
    "b8": (2.2, 3.6),
    "lite0": (1.0, 1.0),
    "lite1": (1.0, 1.1),
    "lite2": (1.1, 1.2),
    "lite3": (1.2, 1.4),
    "lite4": (1.4, 1.8),
}
"""Factors on channels and blocks."""

_CONVNEXT_SIZES: Mapping[str, tuple[int, Depths]] = {
    "atto": (40, (2, 2, 6, 2)),
    "femto": (48, (2, 2, 6, 2)),
    "pico": (64, (2, 2, 6, 2)),
    "nano": (80, (2, 2, 8, 2)),
    "tiny": (96, (3, 3, 9, 3)),
    "small": (96, (3, 3, 27, 3)),
    "base": (128, (3, 3, 27, 3)),
    "large": (192, (3, 3, 27, 3)),
    "large_mlp": (192, (3, 3, 27, 3)),
    "xlarge": (256, (3, 3, 27, 3)),
    "xxlarge": (384, (3, 4, 30, 3)),
    "huge": (352, (3, 3, 27, 3)),
}
"""Channels of the first stage, which double in each further one, and blocks."""

_ABSENT = {"convnext": ("huge",), "convnextv2": ("large_mlp", "xlarge", "xxlarge")}


def timm_shape(architecture: str) -> KnownShape | None:
    """Returns the shape of a network of timm's, such as resnet50d; None for one that has no counterpart here."""
    for pattern, read in _READERS.items():
        if match := re.fullmatch(pattern, architecture):
            return read(match)
    return None


def _resnet(match: re.Match[str]) -> ResNetShape | None:
    if int(match[1]) not in _RESNET_DEPTHS:
        return None
    bottleneck, depths = _RESNET_DEPTHS[int(match[1])]
    return ResNetShape(bottleneck, depths, _RESNET_STEMS[match[2]], match[2] in ("d", "t"))


def _convnext(match: re.Match[str]) -> ConvNeXtShape | None:
    family, size = match[1], match[2]
    if size not in _CONVNEXT_SIZES or size in _ABSENT[family]:
        return None
    first, depths = _CONVNEXT_SIZES[size]
    channels = (first, 2 * first, 4 * first, 8 * first)
    return ConvNeXtShape(channels, depths, family == "convnextv2", 1e-5 if size == "xxlarge" else 1e-6)


def _efficientnet(match: re.Match[str]) -> EfficientNetShape | None:
    if match[2] not in _EFFICIENTNET_SCALES:
        return None
    return EfficientNetShape(*_EFFICIENTNET_SCALES[match[2]], match[1] is not None, match[2].startswith("lite"))


def _mobilenetv3(match: re.Match[str]) -> MobileNetV3Shape:
    size = cast("MobileNetV3Size", match[2])
    return MobileNetV3Shape(size, int(match[4]) / 100, match[3] is not None, match[1] is not None)


def _mobilenetv4(match: re.Match[str]) -> MobileNetV4Shape:
    return MobileNetV4Shape(cast("MobileNetV4Size", match[1]), int(match[2] or 100) / 100)


_READERS: Mapping[str, Callable[[re.Match[str]], KnownShape | None]] = {
    r"resnet(\d+)([cdst]?)": _resnet,
    r"(convnext|convnextv2)_(\w+)": _convnext,
    r"(tf_)?efficientnet_(\w+)": _efficientnet,
    r"(tf_)?mobilenetv3_(large|small)(_minimal)?_(\d{3})": _mobilenetv3,
    r"mobilenetv4_conv_(small|medium|large)(?:_(\d{3}))?": _mobilenetv4,
}
