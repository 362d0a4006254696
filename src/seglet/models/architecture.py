"""The description of a network that fits in a JSON file, and the network it describes."""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from seglet.models.backbones import mit, resnet, vit, wide_resnet38
from seglet.models.backbones.base import Backbone
from seglet.models.backbones.clip_backbone import CLIPBackbone
from seglet.models.backbones.resnet import ResNet
from seglet.models.backbones.wide_resnet38 import WideResNet38
from seglet.models.foundation.image_tower import ImageTower
from seglet.models.heads.base import Head
from seglet.models.heads.cam import CAMHead
from seglet.models.heads.deeplabv2 import DeepLabV2Head
from seglet.models.heads.deeplabv3 import DeepLabV3Head
from seglet.models.heads.deeplabv3plus import DeepLabV3PlusHead
from seglet.models.heads.fcn import FCNHead
from seglet.models.heads.large_field import LargeFieldClassifier
from seglet.models.heads.pspnet import PSPHead
from seglet.models.heads.segformer import SegFormerHead
from seglet.models.heads.ssss import Grid, SSSSHead
from seglet.models.heads.vila import ViLaHead
from seglet.models.heads.weclip_decoder import LayerFusion, TransformerClassifier, WeCLIPDecoder
from seglet.models.layers.conv import scaled
from seglet.models.layers.depth_fusion import DepthFusion, Guide
from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD, Channels, Normalise
from seglet.models.network import Network

BACKBONES = (*resnet.VARIANTS, *wide_resnet38.VARIANTS, *mit.VARIANTS)
PLAIN = ("deeplabv3", "deeplabv3plus", "pspnet", "deeplabv2")
"""Heads for convolutional backbones."""
CONVOLUTIONAL = (*resnet.VARIANTS, *wide_resnet38.VARIANTS)

NAMES = (
    *(f"{head}-{backbone}" for head in PLAIN for backbone in CONVOLUTIONAL),
    *(f"segformer-{backbone}" for backbone in mit.VARIANTS),
    *(f"{head}-{backbone}" for head in ("ssss", "cam") for backbone in BACKBONES),
    *(f"{head}-{backbone}" for head in ("ssss", "vila") for backbone in vit.VARIANTS),
)
"""All networks that a name describes."""

TOWERS = ("weclip-clip", "largefield-clip")
"""Networks on CLIP's image tower, which has a description of its own: `tower`."""

NARROW = {"clip_tiny": 64}
"""Channels of the decoder by backbone; 256 of all others, where their authors do not say otherwise."""

ALONE = ("segformer", "ssss", "cam", "vila", "weclip", "largefield")
"""Heads beside which there is no auxiliary one."""


@dataclass(frozen=True)
class Architecture:
    """A network without its weights and classes.

    Args:
        name: one of `NAMES` or `TOWERS`.
        width: factor on all channel counts; on CLIP's tower, on those of the head.
        output_stride: 8 or 16, of ResNets.
        dropout: rate before the classifier, and in the auxiliary head.
        aspp_dropout: DeepLabV3's second rate, behind its pyramid; SSSS has it there and within its decoder.
        drop_path: stochastic depth of the deepest block of a Mix Transformer; 0.1 as published.
        auxiliary: whether there is a head on the third stage for training; `ALONE` have none.
        mean: of the input convention, see `Normalise`.
        std: likewise.
        bgr: likewise.
        tower: what `ImageTower.build` makes one of, for the networks in `TOWERS`.
        depth: how it is told how far things are, as a fourth plane of its images; None: it sees colours alone.

    Raises:
        ValueError: a value is out of its range; for a name, the message proposes the nearest one.
    """

    name: str
    width: float = 1.0
    output_stride: int = 8
    dropout: float = 0.1
    aspp_dropout: float = 0.5
    drop_path: float = 0.1
    auxiliary: bool = True
    mean: Channels = IMAGENET_MEAN
    std: Channels = IMAGENET_STD
    bgr: bool = False
    tower: Mapping[str, Any] | None = None
    depth: Guide | None = None

    def __post_init__(self) -> None:
        if self.name not in (*NAMES, *TOWERS):
            raise ValueError(f"unknown network {self.name!r}; {nearest(self.name, NAMES)}")
        if (self.tower is not None) != (self.name in TOWERS):
            kind = "an image tower's description" if self.name in TOWERS else "no `tower`"
            raise ValueError(f"network {self.name!r} needs {kind}; methods that learn from CLIP give it one")
        if self.width <= 0:
            raise ValueError(f"expected a positive network width, got {self.width}")
        if self.output_stride not in (8, 16):
            raise ValueError(f"expected an output stride of 8 or 16, got {self.output_stride}")
        for field in ("dropout", "aspp_dropout", "drop_path"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"expected `{field}` in [0, 1), got {getattr(self, field)}")
        if min(self.std) <= 0:
            raise ValueError(f"expected positive deviations `std`, got {self.std}")

    @property
    def head(self) -> str:
        return self.name.partition("-")[0]

    @property
    def backbone(self) -> str:
        return self.name.partition("-")[2]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Architecture":
        """
        Raises:
            ValueError: a key is unknown, or `name` is missing.
        """
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                raise ValueError(f"unknown key {key!r} in an architecture; {nearest(key, known)}")
        if "name" not in values:
            raise ValueError("an architecture needs a `name`; " + nearest("", NAMES))
        tuples: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        return cls(**tuples | {"depth": _guide(values.get("depth"))})


def _guide(values: Any) -> Guide | None:
    if values is None:
        return None
    if not isinstance(values, dict):
        raise ValueError(f"expected an architecture's depth to be null or keys and values, got {values!r}")
    known = [field.name for field in fields(Guide)]
    for key in values:
        if key not in known:
            raise ValueError(f"unknown key {key!r} of an architecture's depth; {nearest(key, known)}")
    return Guide(**values)


def nearest(name: str, known: tuple[str, ...] | list[str]) -> str:
    """The end of an error message: what the writer may have meant, and what there is."""
    close = difflib.get_close_matches(name, known, n=1)
    return (f"did you mean {close[0]!r}? " if close else "") + "There are: " + ", ".join(known)


def assemble(architecture: Architecture, num_classes: int) -> Network:
    """The network with whatever weights torch gives it; draws from the global generator, unless on the meta device."""
    backbone = choose_backbone(architecture)
    backbone.fusion = depth_fusion(architecture, backbone)
    head = choose_head(architecture, backbone, num_classes)
    helped = architecture.auxiliary and architecture.head not in ALONE
    return Network(backbone, head, FCNHead(backbone.channels[2], num_classes, architecture.dropout) if helped else None)


def input_convention(architecture: Architecture) -> Normalise:
    """What its images go through first."""
    return Normalise(architecture.mean, architecture.std, architecture.bgr)


def choose_backbone(architecture: Architecture) -> Backbone:
    """The backbone alone."""
    name, normalise = architecture.backbone, input_convention(architecture)
    if architecture.tower is not None:
        return CLIPBackbone(ImageTower.build(architecture.tower), normalise)
    if name in mit.VARIANTS:
        return mit.MixTransformer(name, normalise, architecture.width, drop_path=architecture.drop_path)
    if name in vit.VARIANTS:
        read = (0, 3) if architecture.head == "ssss" else (0, 1, 2, 3)
        return vit.VisionTransformer(name, normalise, architecture.width, read)
    if name in wide_resnet38.VARIANTS:
        return WideResNet38(normalise, architecture.width)
    return ResNet(name, normalise, architecture.width, architecture.output_stride)


def depth_fusion(architecture: Architecture, backbone: Backbone) -> DepthFusion | None:
    """What tells depth to the first stages of a backbone."""
    guide = architecture.depth
    if guide is None:
        return None
    channels = backbone.channels[: guide.places]
    return DepthFusion(channels, guide.way, guide.weight, guide.official, architecture.width)


def choose_head(architecture: Architecture, backbone: Backbone, num_classes: int) -> Head:
    """DeepLabV3's and PSPNet's heads are as wide as CIRKD's first version makes them, others as their authors do."""
    channels, name, width = backbone.channels, architecture.backbone, architecture.width
    inside, dropout = channels[-1], architecture.dropout
    if architecture.name in TOWERS:
        hidden = scaled(256, width)
        kind = TransformerClassifier if architecture.head == "weclip" else LargeFieldClassifier
        return WeCLIPDecoder(LayerFusion(inside, len(channels), hidden), kind(hidden, num_classes), dropout)
    hidden = scaled(NARROW.get(name, 256), width)
    if architecture.head == "segformer":
        hidden = scaled(256 if name in ("mit_b0", "mit_b1") else 768, width)
        return SegFormerHead(channels, hidden, num_classes, dropout)
    if architecture.head == "vila":
        return ViLaHead(channels, hidden, num_classes, dropout)
    shallow = backbone.shallow
    if architecture.head == "ssss":
        dropouts = (dropout, architecture.aspp_dropout)
        finer = vit.VARIANTS[name].patch // 4 if name in vit.VARIANTS else 1
        return SSSSHead(channels, hidden, num_classes, Grid(shallow, finer), rates(architecture), dropouts)
    if architecture.head == "deeplabv3plus":
        return DeepLabV3PlusHead(channels, scaled(256, width), num_classes, shallow, rates(architecture), dropout)
    if architecture.head == "pspnet":
        return PSPHead(inside, num_classes, dropout)
    if architecture.head == "cam":
        return CAMHead(inside, num_classes, dropout)
    if architecture.head == "deeplabv2":
        return DeepLabV2Head(inside, num_classes, dropout)
    shares = {"resnet50": 8, "resnet101": 8, "wideresnet38": 16}
    return DeepLabV3Head(inside, inside // shares.get(name, 4), num_classes, dropout, architecture.aspp_dropout)


def rates(architecture: Architecture) -> tuple[int, int, int]:
    """Dilations of the pyramid: the authors' for stride 8, and those for stride 16 wherever it is larger."""
    name = architecture.backbone
    coarse = name in mit.VARIANTS or (name in resnet.VARIANTS and architecture.output_stride == 16)
    if name in vit.VARIANTS:
        coarse = vit.VARIANTS[name].patch > 8
    return (6, 12, 18) if coarse else (12, 24, 36)
