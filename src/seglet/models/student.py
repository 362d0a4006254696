"""The network that a method trains, as an experiment describes it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seglet import files
from seglet.models.architecture import Architecture
from seglet.models.backbones.variants import VISION_TRANSFORMERS
from seglet.models.io.storage import CONFIG_FILE, SEGMENTER_FORMAT
from seglet.models.segmenter import Segmenter, build, load
from seglet.types import Classes, option


@dataclass(frozen=True)
class StudentConfig:
    """Config keys that every method begins with."""

    student: str = option("deeplabv3-resnet18", "network to train: HEAD-BACKBONE; FOTF Sec. 4.1")
    width: float = option(
        1.0, "factor on all channel counts; 1 in all papers, and the only one that pretrained weights fit"
    )
    output_stride: int = option(8, "pixels per position of a ResNet's last stage, 8 or 16; FOTF, CIRKD code: 8")
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
        return build(architecture, classes, seed)
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
