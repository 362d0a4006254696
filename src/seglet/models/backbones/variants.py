"""Shapes of the backbones by name, and families of backbones by what goes with them, without the networks.

So a description can be checked at little cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Depths = tuple[int, int, int, int]
"""Number of blocks in each of four stages."""


@dataclass(frozen=True)
class ResNetShape:
    """Shape of a ResNet: bottleneck blocks (three convolutions) or basic ones (two), and how many in each stage."""

    bottleneck: bool
    depths: Depths


RESNETS: Mapping[str, ResNetShape] = {
    "resnet18": ResNetShape(False, (2, 2, 2, 2)),
    "resnet34": ResNetShape(False, (3, 4, 6, 3)),
    "resnet50": ResNetShape(True, (3, 4, 6, 3)),
    "resnet101": ResNetShape(True, (3, 4, 23, 3)),
}

WIDE_RESNETS = ("wideresnet38",)


@dataclass(frozen=True)
class EfficientNetLiteShape:
    """Scale of an EfficientNet-Lite: factors on the channels and on the blocks of the stages."""

    width: float
    depth: float


EFFICIENTNET_LITES: Mapping[str, EfficientNetLiteShape] = {
    "efficientnet_lite0": EfficientNetLiteShape(1.0, 1.0),
    "efficientnet_lite1": EfficientNetLiteShape(1.0, 1.1),
    "efficientnet_lite2": EfficientNetLiteShape(1.1, 1.2),
}


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
        "plain vision transformers: ViT, DeiT, DINOv2, DINOv3", (*_FOUR_STRIDES, "vila"), (8, 16, 32)
    ),
    "hf": BackboneFamily("networks that transformers builds: Swin, ConvNeXt and others", _FOUR_STRIDES, depth=False),
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
