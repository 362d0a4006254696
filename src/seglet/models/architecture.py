"""Descriptions of networks that fit in a JSON file. `assembly` builds the networks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import inf, isfinite
from typing import Any, Literal, get_args

from seglet.images import WhiteLevels, white_levels_from_json
from seglet.images.value_range import Channel, channels_from_json
from seglet.models.backbones.variants import (
    BACKBONE_FAMILIES,
    DESCRIBED_NETWORKS,
    EFFICIENTNET_LITES,
    MIX_TRANSFORMERS,
    RESNETS,
    VISION_TRANSFORMERS,
    WIDE_RESNETS,
    check_family,
)
from seglet.models.inference_defaults import InferenceDefaults
from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD, ChannelValues
from seglet.values import choose_from

_CONVOLUTIONAL = (*RESNETS, *WIDE_RESNETS, *EFFICIENTNET_LITES)

NETWORK_NAMES = (
    *(
        f"{head}-{backbone}"
        for head in ("deeplabv3", "deeplabv3plus", "pspnet", "deeplabv2")
        for backbone in _CONVOLUTIONAL
    ),
    *(f"segformer-{backbone}" for backbone in (*MIX_TRANSFORMERS, *EFFICIENTNET_LITES)),
    *(f"{head}-{backbone}" for head in ("ssss", "cam", "fpn") for backbone in (*_CONVOLUTIONAL, *MIX_TRANSFORMERS)),
    *(f"{head}-{backbone}" for head in ("ssss", "vila", "dpt") for backbone in VISION_TRANSFORMERS),
    *(f"vila-{backbone}" for backbone in EFFICIENTNET_LITES),
)
"""All networks that a name alone describes; those of `DESCRIBED_NETWORKS` need a `shape` besides."""

CLIP_NETWORKS = ("weclip-clip", "largefield-clip", "deeplabv2-clip")
"""Networks on CLIP's image tower, which has a description of its own: `tower`. The first two read all of its layers."""

LEARNED_FROM_TAGS = ("ssss", "cam")
"""Heads trained on tags alone: their logits become masks once classes absent from the image are ruled out."""

_LATER_KEYS = ("whites", "inference", "last_stride", "channels")
"""Keys that older versions do not know, which are left out where they are None."""
_LATER_DEPTH = {"invalid": None, "gate": False}
"""Keys of depth guidance of which the same holds, and their values."""

DepthTransform = Literal["dgf2", "sft"]
"""`sft` replaces features by their spatial feature transform; `dgf2` adds to it where both are strong or both weak."""


@dataclass(frozen=True)
class DepthGuidance:
    """Depth guidance of a network: the transform, the number of early stages (`places`), and λ (`weight`).

    `source` names the depth network it was trained with, which is needed again for predictions, and `brighten` how
    images were brightened before; both are None where depth came from files, or images were left as they are.
    `invalid` is the number that marks missing depth in files; with `gate` dgf2's attention has a trained factor, 0 at
    first. `official` is explained at `SFT`.

    Raises:
        ValueError: a value is out of its range.
    """

    way: DepthTransform = "dgf2"
    places: int = 3
    weight: float = 0.5
    official: bool = False
    source: str | None = None
    brighten: str | None = None
    invalid: float | None = None
    gate: bool = False

    def __post_init__(self) -> None:
        if self.way not in get_args(DepthTransform) or self.places not in (1, 2, 3) or not 0 <= self.weight <= 1:
            raise ValueError(
                f"expected depth guidance by dgf2 or sft at 1 to 3 places with a weight from 0 to 1, got {self.way!r}, "
                f"{self.places}, {self.weight}"
            )


_WIDEST = 16
"""Largest factor on the channels of a network: 16 times 2048 channels are more than any machine trains."""


@dataclass(frozen=True)
class Architecture:
    """A network without its weights and classes.

    Args:
        name: one of `NETWORK_NAMES`, `DESCRIBED_NETWORKS` or `CLIP_NETWORKS`, head-backbone.
        width: factor on all channel counts; on CLIP's tower and backbones with a `shape`, on those of the head.
        output_stride: 8 or 16, of ResNets and EfficientNet-Lites; the latter also 32; see also `BackboneFamily`.
        dropout: rate before the classifier, and in the auxiliary head.
        aspp_dropout: DeepLabV3's second rate, behind its pyramid; SSSS has it there and within its decoder.
        drop_path: stochastic depth of the last block of a transformer or ConvNeXt; 0.1 as in Mix Transformers.
        auxiliary: whether there is a head on the third stage for training, where the head allows one.
        mean: of the input convention, see `Normalise`.
        std: likewise.
        bgr: likewise.
        tower: description that `ImageTower.build` reads, for `CLIP_NETWORKS`.
        shape: description of the backbone that its family reads, in values of JSON, for `DESCRIBED_NETWORKS`.
        whites: white levels of the images it learned from, where they have more than 8 bits a channel or are floats;
            an image to predict is scaled by them too. None leaves it to each image.
        inference: how images are looked at where nothing else is asked for; None for what the kind of head does.
        last_stride: pixels per position of a Mix Transformer's last stage, 8 or 16; None for 32, as published.
        channels: channels of its images, in stored values, which are normalised by their statistics; None for red,
            green and blue.
        depth: how the network takes depth, the fourth channel of its images; None for images of three channels.

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
    mean: ChannelValues = IMAGENET_MEAN
    std: ChannelValues = IMAGENET_STD
    bgr: bool = False
    tower: Mapping[str, Any] | None = None
    depth: DepthGuidance | None = None
    shape: Mapping[str, Any] | None = None
    whites: WhiteLevels | None = None
    inference: InferenceDefaults | None = None
    last_stride: int | None = None
    channels: tuple[Channel, ...] | None = None

    def __post_init__(self) -> None:
        self._check_name()
        if not 0 < self.width <= _WIDEST:
            raise ValueError(f"expected a network width above 0 and at most {_WIDEST}, got {self.width}")
        strides = (8, 16, 32) if self.backbone in EFFICIENTNET_LITES else (8, 16)
        if self.backbone not in BACKBONE_FAMILIES and self.output_stride not in strides:
            allowed = " or ".join(map(str, strides))
            raise ValueError(f"expected an output stride of {allowed} for {self.name}, got {self.output_stride}")
        if self.last_stride is not None and (self.last_stride not in (8, 16) or self.backbone not in MIX_TRANSFORMERS):
            raise ValueError(
                f"expected a last stride of 8 or 16, of a Mix Transformer alone; got {self.last_stride} of {self.name}"
            )
        for field in ("dropout", "aspp_dropout", "drop_path"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"expected `{field}` in [0, 1), got {getattr(self, field)}")
        fixed = self.depth is not None or self.tower is not None or self.backbone == "hf"
        if self.channels is not None and (fixed or not self.channels):
            raise ValueError(f"{self.name} takes red, green and blue alone, as do networks with depth, CLIP's and hf:; "
                             "choose another student, such as deeplabv3-resnet18")  # fmt: skip
        names = "red, green and blue" if self.channels is None else f"{len(self.channels)} channels"
        if not len(self.mean) == len(self.std) == self.image_channels - (self.depth is not None):
            raise ValueError(f"expected `mean` and `std` of {names}, got {self.mean} and {self.std}")
        if not all(0 < part < inf for part in self.std) or not all(map(isfinite, self.mean)):
            raise ValueError(f"expected finite `mean` and positive `std`, got {self.mean} and {self.std}")

    def _check_name(self) -> None:
        check_family(self.name, self.output_stride, self.depth is not None)
        if self.name not in (*NETWORK_NAMES, *DESCRIBED_NETWORKS, *CLIP_NETWORKS):
            raise ValueError(f"unknown network {self.name!r}; {choose_from(self.name, NETWORK_NAMES)}")
        if (self.tower is not None) != (self.name in CLIP_NETWORKS):
            kind = "an image tower's description" if self.name in CLIP_NETWORKS else "no `tower`"
            raise ValueError(f"network {self.name!r} needs {kind}; `student: HEAD-clip:clip-b16` gives it one")
        if self.tower is not None and self.depth is not None:
            raise ValueError(f"network {self.name!r} takes no depth, which guides the stages of other backbones")
        if (self.shape is not None) != (self.name in DESCRIBED_NETWORKS):
            kind = "the description `shape` of its backbone" if self.shape is None else "no `shape`"
            raise ValueError(f"network {self.name!r} needs {kind}; `student: HEAD-hf:OWNER/NAME` gives it one")

    @property
    def head(self) -> str:
        """Family of the head, the first part of the name."""
        return self.name.partition("-")[0]

    @property
    def backbone(self) -> str:
        """Name of the backbone, the second part of the name."""
        return self.name.partition("-")[2]

    @property
    def image_channels(self) -> int:
        """Channels of its images: red, green, blue or its own and, with depth guidance, depth."""
        own = 3 if self.channels is None else len(self.channels)
        return own + (self.depth is not None)

    def as_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON; `from_dict` reads them back."""
        values = asdict(self)
        if self.depth is not None:
            values["depth"] = {
                key: value for key, value in values["depth"].items() if value != _LATER_DEPTH.get(key, "")
            }
        values["inference"] = None if self.inference is None else self.inference.as_dict()
        return {key: values[key] for key in values if key not in _LATER_KEYS or values[key] is not None}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Architecture":
        """Builds an architecture from what `as_dict` returned.

        Raises:
            ValueError: a key is unknown, or `name` is missing.
        """
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                raise ValueError(f"unknown key {key!r} in an architecture; {choose_from(key, known)}")
        if "name" not in values:
            raise ValueError("an architecture needs a `name`; " + choose_from("", NETWORK_NAMES))
        tuples: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        whites = None if values.get("whites") is None else white_levels_from_json(values["whites"])
        read = {
            "depth": _depth_guidance(values.get("depth")),
            "whites": whites,
            "channels": None if values.get("channels") is None else channels_from_json(values["channels"]),
            "inference": InferenceDefaults.from_dict(values.get("inference")),
        }
        return cls(**tuples | read)


def _depth_guidance(values: Any) -> DepthGuidance | None:
    if values is None:
        return None
    if not isinstance(values, dict):
        raise ValueError(f"expected an architecture's depth to be null or keys and values, got {values!r}")
    known = [field.name for field in fields(DepthGuidance)]
    for key in values:
        if key not in known:
            raise ValueError(f"unknown key {key!r} of an architecture's depth; {choose_from(key, known)}")
    return DepthGuidance(**values)
