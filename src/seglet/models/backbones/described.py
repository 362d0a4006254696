"""Convolutional backbones of the families whose networks a description, the `shape`, tells apart."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from seglet.models.backbones.base import Backbone
from seglet.models.backbones.variants import (
    ConvNeXtShape,
    EfficientNetShape,
    MobileNetV3Shape,
    MobileNetV4Shape,
    ResNetShape,
)
from seglet.models.layers.normalise import Normalise
from seglet.values import build_config, check_known_keys

KnownShape = ResNetShape | ConvNeXtShape | EfficientNetShape | MobileNetV3Shape | MobileNetV4Shape

SHAPES: Mapping[str, type[KnownShape]] = {
    "resnet": ResNetShape,
    "convnext": ConvNeXtShape,
    "efficientnet": EfficientNetShape,
    "mobilenetv3": MobileNetV3Shape,
    "mobilenetv4": MobileNetV4Shape,
}
"""Kinds of shapes by family."""


@dataclass(frozen=True)
class BuildOptions:
    """Values beside its shape that decide how a network is built.

    `read` are the indices of the stages that a head reads; `drop_path` is the stochastic depth of the last block.
    """

    output_stride: int = 32
    drop_path: float = 0.0
    read: tuple[int, ...] = (0, 1, 2, 3)


def family_of(shape: KnownShape) -> str:
    """Returns the name of the family that a shape is of."""
    return next(name for name, kind in SHAPES.items() if isinstance(shape, kind))


def shape_values(shape: KnownShape) -> dict[str, Any]:
    """Returns a shape as values of JSON, which `build_described` reads."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(shape).items()}


def build_described(
    family: str, values: Mapping[str, Any], normalise: Normalise, options: BuildOptions = BuildOptions()
) -> Backbone:
    """Builds a backbone of one of the families of `SHAPES`.

    Raises:
        ValueError: a key of the shape is unknown or missing, or a value is out of its range.
    """
    kind = SHAPES[family]
    check_known_keys(values, [field.name for field in fields(kind)], f"the shape of a {family} backbone")
    return build_shape(build_config(kind, values), normalise, options)


def build_shape(shape: KnownShape, normalise: Normalise, options: BuildOptions = BuildOptions()) -> Backbone:
    """Builds the backbone of a shape."""
    return _BUILDERS[family_of(shape)](shape, normalise, options)


def _resnet(shape: Any, normalise: Normalise, options: BuildOptions) -> Backbone:
    from seglet.models.backbones.resnet import ResNet

    return ResNet(shape, normalise, output_stride=options.output_stride)


def _convnext(shape: Any, normalise: Normalise, options: BuildOptions) -> Backbone:
    from seglet.models.backbones.convnext import ConvNeXt

    return ConvNeXt(shape, normalise, options.output_stride, options.drop_path, options.read)


def _efficientnet(shape: Any, normalise: Normalise, options: BuildOptions) -> Backbone:
    from seglet.models.backbones.efficientnet import EfficientNet

    return EfficientNet(shape, normalise, output_stride=options.output_stride)


def _mobilenetv3(shape: Any, normalise: Normalise, options: BuildOptions) -> Backbone:
    from seglet.models.backbones.mobilenetv3 import MobileNetV3

    return MobileNetV3(shape, normalise, options.output_stride)


def _mobilenetv4(shape: Any, normalise: Normalise, options: BuildOptions) -> Backbone:
    from seglet.models.backbones.mobilenetv4 import MobileNetV4

    return MobileNetV4(shape, normalise, options.output_stride)


_BUILDERS: Mapping[str, Callable[[Any, Normalise, BuildOptions], Backbone]] = {
    "resnet": _resnet,
    "convnext": _convnext,
    "efficientnet": _efficientnet,
    "mobilenetv3": _mobilenetv3,
    "mobilenetv4": _mobilenetv4,
}
