"""Shapes of the backbones by name, and families of backbones by what goes with them, without the networks.

So a description can be checked at little cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Depths = tuple[int, int, int, int]
"""Number of blocks in each of four stages."""


@dataclass(frozen=True)
class ResNetShape:
    """Shape of a ResNet: bottleneck blocks (three convolutions) or basic ones (two), and how many in each stage.

    `stem` has the channels of its convolutions: one of 7x7, or several of 3x3; `channels` those within the blocks of
    each stage. `pooled_shortcuts` take the mean of pixels where others leave some out.
    """

    bottleneck: bool
    depths: Depths
    stem: tuple[int, ...] = (64, 64, 128)
    pooled_shortcuts: bool = False
    channels: tuple[int, int, int, int] = (64, 128, 256, 512)


RESNETS: Mapping[str, ResNetShape] = {
    "resnet18": ResNetShape(False, (2, 2, 2, 2)),
    "resnet34": ResNetShape(False, (3, 4, 6, 3)),
    "resnet50": ResNetShape(True, (3, 4, 6, 3)),
    "resnet101": ResNetShape(True, (3, 4, 23, 3)),
}

SOURCE_SCHEMES = ("hf:", "timm:", "clip:")
"""Beginnings of names of sources of pretrained backbones."""

WIDE_RESNETS = ("wideresnet38",)


@dataclass(frozen=True)
class EfficientNetShape:
    """Scale of an EfficientNet: factors on the channels and on the blocks of the stages.

    `same_padding` is TensorFlow's, with its constants of batch norms. A `lite` network has ReLU6, no
    squeeze-and-excitation, and ends that are not scaled.
    """

    width: float
    depth: float
    same_padding: bool = False
    lite: bool = False


EFFICIENTNET_LITES: Mapping[str, EfficientNetShape] = {
    "efficientnet_lite0": EfficientNetShape(1.0, 1.0, same_padding=True, lite=True),
    "efficientnet_lite1": EfficientNetShape(1.0, 1.1, same_padding=True, lite=True),
    "efficientnet_lite2": EfficientNetShape(1.1, 1.2, same_padding=True, lite=True),
}


MobileNetV3Size = Literal["large", "small"]
MobileNetV4Size = Literal["small", "medium", "large"]


@dataclass(frozen=True)
class MobileNetV3Shape:
    """Shape of a MobileNetV3: its size, and a factor on the channels.

    A `minimal` one has ReLU, kernels of 3 and no squeeze-and-excitation; `same_padding` is TensorFlow's, with its
    constants of batch norms.
    """

    size: MobileNetV3Size
    width: float = 1.0
    minimal: bool = False
    same_padding: bool = False


@dataclass(frozen=True)
class MobileNetV4Shape:
    """Shape of a convolutional MobileNetV4: its size, and a factor on the channels."""

    size: MobileNetV4Size
    width: float = 1.0


@dataclass(frozen=True)
class ConvNeXtShape:
    """Shape of a ConvNeXt: channels and blocks of each stage, and the constant of its norms.

    Blocks of the second version normalise the response of their channels, those of the first scale their output.
    """

    channels: tuple[int, int, int, int]
    depths: Depths
    second: bool = False
    epsilon: float = 1e-6


@dataclass(frozen=True)
class MixTransformerShape:
    """Shape of a Mix Transformer: channels of one attention head, and blocks in each stage."""

    head_channels: int
    depths: Depths


MIX_TRANSFORMERS: Mapping[str, MixTransformerShape] = {
    "mit_b0": MixTransformerShape(32, (2, 2, 2, 2)),
    "mit_b1": MixTransformerShape(64, (2, 2, 2, 2)),
    "mit_b2": MixTransformerShape(64, (3, 4, 6, 3)),
    "mit_b3": MixTransformerShape(64, (3, 4, 18, 3)),
    "mit_b4": MixTransformerShape(64, (3, 8, 27, 3)),
    "mit_b5": MixTransformerShape(64, (3, 6, 40, 3)),
}


@dataclass(frozen=True)
class VisionTransformerShape:
    """Shape of a vision transformer: channels of one attention head, heads, blocks, patch and image sizes.

    `patch` is in pixels, `side` in patches along a side of the images it was trained on. `taps` are the blocks that a
    decoder reads, counted from 0. `clip` networks normalise their first tokens and have another activation.
    """

    head_channels: int
    heads: int
    depth: int
    patch: int
    side: int
    taps: tuple[int, int, int, int]
    clip: bool


VISION_TRANSFORMERS: dict[str, VisionTransformerShape] = {
    "vit_b16": VisionTransformerShape(64, 12, 12, 16, 14, (2, 5, 8, 11), clip=False),
    "clip_b16": VisionTransformerShape(64, 12, 12, 16, 14, (2, 5, 8, 11), clip=True),
    "clip_b32": VisionTransformerShape(64, 12, 12, 32, 7, (2, 5, 8, 11), clip=True),
    "clip_l14": VisionTransformerShape(64, 16, 24, 14, 16, (5, 11, 17, 23), clip=True),
    "clip_tiny": VisionTransformerShape(32, 4, 6, 8, 16, (1, 2, 4, 5), clip=True),
}
"""ViT-B/16 as trained on ImageNet-21k, CLIP's image encoders, and that of the embedded world's tiny CLIP.

Every third of twelve blocks is tapped, as UniMatch-V2's decoder does; others in proportion.
"""


_FOUR_STRIDES = ("deeplabv3", "deeplabv3plus", "pspnet", "deeplabv2", "segformer", "fpn", "ssss", "cam")
"""Heads that read maps of four stages."""


@dataclass(frozen=True)
class BackboneFamily:
    """The heads that a family of backbones goes with, and the keys of an `Architecture` that it heeds.

    Args:
        about: the family in a few words, for messages.
        heads: the first parts of the names of its networks.
        strides: values that `output_stride` may have; none: each network has strides of its own, whatever it says.
        depth: whether depth can guide its stages.
    """

    about: str
    heads: tuple[str, ...]
    strides: tuple[int, ...] = ()
    depth: bool = True


BACKBONE_FAMILIES: Mapping[str, BackboneFamily] = {
    "vit": BackboneFamily(
        "plain vision transformers: ViT, DeiT, DINOv2, DINOv3", (*_FOUR_STRIDES, "vila", "dpt"), (8, 16, 32)
    ),
    "hf": BackboneFamily("networks that transformers builds: Swin, ConvNeXt and others", _FOUR_STRIDES, depth=False),
    "resnet": BackboneFamily("ResNets with a plain or a deep stem", _FOUR_STRIDES, (8, 16, 32)),
    "convnext": BackboneFamily("ConvNeXt and ConvNeXt V2", _FOUR_STRIDES, (8, 16, 32)),
    "efficientnet": BackboneFamily("EfficientNet and its Lite variants", _FOUR_STRIDES, (8, 16, 32)),
    "mobilenetv3": BackboneFamily("MobileNetV3", _FOUR_STRIDES, (8, 16, 32)),
    "mobilenetv4": BackboneFamily("MobileNetV4 without attention", _FOUR_STRIDES, (8, 16, 32)),
}
"""Families by name, the second part of the names of their networks: `fpn-vit` is a semantic FPN on one of `vit`."""

DESCRIBED_NETWORKS = tuple(f"{head}-{name}" for name, family in BACKBONE_FAMILIES.items() for head in family.heads)
"""Names of all networks whose backbone has a `shape`."""


def check_family(name: str, output_stride: int, depth: bool = False) -> None:
    """Checks the name of a network, its output stride and depth guidance, if its backbone is of a family.

    Raises:
        ValueError: the family does not go with the head, or has no such output stride or no depth guidance.
    """
    head, _, backbone = name.partition("-")
    family = BACKBONE_FAMILIES.get(backbone)
    if family is None:
        return
    if head not in family.heads:
        raise ValueError(
            f"the head {head!r} does not go with {backbone} ({family.about}); it takes {', '.join(family.heads)}"
        )
    if family.strides and output_stride not in family.strides:
        allowed = " or ".join(map(str, family.strides))
        raise ValueError(f"expected an output stride of {allowed} for {name}, got {output_stride}")
    if depth and not family.depth:
        raise ValueError(
            f"depth guides one stage after the other, and {backbone} ({family.about}) computes all at once; take a "
            "backbone of seglet's own, or one of vit"
        )
