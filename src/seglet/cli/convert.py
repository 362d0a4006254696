"""`seglet convert`: a segmenter from a checkpoint of another code base, or from an ImageNet backbone."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seglet.cli.output import print_result
from seglet.cli.parsing import add_json
from seglet.values import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from seglet.models.architecture import Architecture
    from seglet.models.convert.conversion import ConversionReport
    from seglet.types import Classes

_KNOWN_CLASSES = ("ade20k", "camvid", "cityscapes", "voc", "world")

_DESCRIPTION = """\
Convert a checkpoint of CIRKD (version 1), Af-DCD, SSSS or DGKD-WLSS, or an ImageNet backbone of theirs, into a
segmenter. Nothing in the file is executed. A backbone alone leaves the head with random weights: train it with
--student_weights."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", type=Path, metavar="FILE", help=".pth, .pt, .bin, .ckpt or .safetensors")
    parser.add_argument("--architecture", help="such as deeplabv3-resnet18; recognised from the file where possible")
    parser.add_argument(
        "--classes",
        required=True,
        help=f"{', '.join(_KNOWN_CLASSES)}; or a dataset.json, or a text file with a class a line",
    )
    parser.add_argument(
        "--input",
        choices=("auto", "cirkd", "imagenet"),
        default="auto",
        help="input convention: that of CIRKD (blue first, 0..255) or of ImageNet; auto is that of the checkpoint's "
        "training, and imagenet for backbones",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for the segmenter")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.models.convert.conversion import load_foreign_weights
    from seglet.models.io.checkpoints import read_tensors
    from seglet.models.segmenter import build

    if arguments.out.is_dir() and any(arguments.out.iterdir()):
        raise ValueError(f"{str(arguments.out)!r} is not empty; choose a new folder with --out")
    classes = find_classes(arguments.classes)
    tensors = read_tensors(arguments.file)
    architecture = _choose_architecture(tensors, arguments.architecture, arguments.input, len(classes))
    segmenter = build(architecture, classes)
    conversion = load_foreign_weights(segmenter.network, tensors)
    segmenter.save(arguments.out)
    content = {
        "out": str(arguments.out),
        "architecture": architecture.as_dict(),
        "classes": list(classes.names),
        "backbone_only": conversion.backbone_only,
        "matched": list(conversion.matched),
        "missing": list(conversion.missing),
        "extra": list(conversion.extra),
        "notes": list(conversion.notes),
    }
    print_result(_text(arguments, architecture, conversion), content, arguments.json)
    return 0


def _choose_architecture(
    tensors: "Mapping[str, Tensor]", name: str | None, input_convention: str, classes: int
) -> "Architecture":
    """Returns the architecture that is given, or that of the file, with its input convention.

    Raises:
        ValueError: neither is known, or the file has another number of classes.
    """
    from seglet.models.architecture import NETWORK_NAMES, Architecture
    from seglet.models.convert.conversion import with_authors_input, with_cirkd_input
    from seglet.models.convert.identify import identify_architecture

    found = identify_architecture(tensors)
    if found and name not in (None, found[0].name):
        raise ValueError(f"the file holds a {found[0].name}, not a {name}; leave --architecture out")
    if found and found[1] != classes:
        raise ValueError(f"the file was trained with {found[1]} classes, --classes names {classes}; name as many")
    if name is None and found is None:
        raise ValueError(
            f"the file does not show its architecture; give --architecture, one of {', '.join(NETWORK_NAMES)}"
        )
    if found and input_convention == "auto":
        return with_authors_input(found[0])
    architecture = Architecture(found[0].name if found else name or NETWORK_NAMES[0])
    return with_cirkd_input(architecture) if input_convention == "cirkd" else architecture


def find_classes(source: str) -> "Classes":
    """Returns the classes of a well-known data set, of a description or of a text file.

    Raises:
        ValueError: the source is none of these.
    """
    from seglet.data import description
    from seglet.data.class_table import classes_of, numbered_table, read_class_table
    from seglet.data.layouts import ade20k, camvid, cityscapes, voc
    from seglet.data.world.scene import WORLD_CLASSES

    if source == "world":
        return WORLD_CLASSES
    tables = {
        "ade20k": numbered_table(f"class_{number}" for number in range(1, ade20k._NUM_CLASSES + 1)),
        "camvid": camvid.CAMVID_TABLE,
        "cityscapes": cityscapes.CITYSCAPES_TRAIN_IDS,
        "voc": voc.VOC_TABLE,
    }
    if source in tables:
        return classes_of(tables[source])
    path = Path(source)
    if path.is_dir():
        path = path / description.DESCRIPTION_FILE
    if not path.is_file():
        known = ", ".join(_KNOWN_CLASSES)
        hint = did_you_mean(source, _KNOWN_CLASSES)
        raise ValueError(f"there are no classes {source!r}{hint}; give {known}, a dataset.json or a text file")
    described = path.suffix == ".json" and path.read_bytes().lstrip()[:1] == b"{"  # a table is a list
    return description.load_description(path).classes if described else classes_of(read_class_table(path))


def _text(arguments: argparse.Namespace, architecture: "Architecture", conversion: "ConversionReport") -> str:
    mean = "ImageNet's mean" if any(architecture.mean) else "no mean"
    channels = "blue first, CIRKD's mean" if architecture.bgr else f"red first, {mean}"
    lines = [conversion.summary(), f"a {architecture.name}, input: {channels}, is in {arguments.out}"]
    if conversion.missing and not conversion.backbone_only:
        lines += ["warning: missing weights keep random values"]
    if conversion.backbone_only:
        lines += ["its head is random: train it", "next: seglet train METHOD --student_weights " + str(arguments.out)]
    else:
        lines += [f"next: seglet evaluate {arguments.out} --data DIR, to compare its scores with the published ones"]
    return "\n".join(lines)
