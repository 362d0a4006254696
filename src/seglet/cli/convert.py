"""`seglet convert`: a segmenter from a checkpoint of another code base, or a foundation model from pickles."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seglet.cli.output import print_result
from seglet.cli.parsing import add_json

if TYPE_CHECKING:
    from seglet.models.architecture import Architecture
    from seglet.models.convert.conversion import ConversionReport

_KNOWN_CLASSES = ("ade20k", "camvid", "cityscapes", "coco", "voc", "world")
"""Data sets of `seglet.data.known_classes`, whose import takes long."""

_DESCRIPTION = """\
Convert a checkpoint of CIRKD (version 1), Af-DCD, SSSS or DGKD-WLSS, or an ImageNet backbone of theirs, into a
segmenter. Nothing in the file is executed. A backbone alone leaves the head with random weights: train it with
`seglet train METHOD --student_weights`.

A CLIP or a Stable Diffusion in place of FILE, by name (clip-b16), id on the hub (owner/name, owner/name@REVISION) or
folder, whose weights are pickles, is written to --out as safetensors: its tensors, and nothing else."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE|MODEL",
        help=".pth, .pt, .bin, .ckpt, .safetensors; or a CLIP or Stable Diffusion",
    )
    parser.add_argument("--architecture", help="such as deeplabv3-resnet18; recognised from the file where possible")
    parser.add_argument(
        "--classes",
        help=f"of the segmenter: {', '.join(_KNOWN_CLASSES)}; or a dataset.json, or a text file with a class a line",
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
    from seglet.data.known_classes import find_classes
    from seglet.models.convert.choose_architecture import choose_architecture
    from seglet.models.convert.conversion import load_foreign_weights
    from seglet.models.convert.identify import identify_architecture
    from seglet.models.io.checkpoints import read_tensors
    from seglet.models.io.foreign import check_own_folder
    from seglet.models.segmenter import build

    if names_foundation_model(arguments.file):
        return _convert_model(arguments)
    if arguments.classes is None:
        raise ValueError(f"--classes names the classes of the segmenter in {str(arguments.file)!r}; give it")
    if arguments.out.is_dir() and any(arguments.out.iterdir()):
        raise ValueError(f"{str(arguments.out)!r} is not empty; choose a new folder with --out")
    classes = find_classes(arguments.classes)
    tensors = read_tensors(arguments.file)
    if identify_architecture(tensors) is None and arguments.file.suffix == ".safetensors":
        check_own_folder(arguments.file.parent)
    architecture = choose_architecture(tensors, arguments.architecture, arguments.input, len(classes))
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


def names_foundation_model(source: Path) -> bool:
    """True if a word names a CLIP or Stable Diffusion: its folder, a known name, or an id of the hub."""
    from seglet.models.foundation.hub import read_present_description
    from seglet.models.foundation.known_models import known_model

    if source.is_dir():
        clip = (read_present_description(str(source)) or {}).get("model_type") == "clip"
        return clip or (source / "model_index.json").is_file()
    name = source.as_posix().partition("@")[0]
    return known_model(name) is not None or (not source.exists() and not source.suffix and name.count("/") == 1)


def _convert_model(arguments: argparse.Namespace) -> int:
    from seglet.models.foundation.clip import CLIP_LAYOUT
    from seglet.models.foundation.known_models import known_model
    from seglet.models.foundation.stable_diffusion import STABLE_DIFFUSION_LAYOUT
    from seglet.models.foundation.unpickle import unpickle_model

    source = arguments.file.as_posix()
    entry = known_model(source.partition("@")[0])
    if entry is not None and entry.kind not in ("clip", "diffusion"):
        raise ValueError(f"{source} is {entry.about}; only a CLIP or a Stable Diffusion is converted")
    diffusion = entry.kind == "diffusion" if entry else (arguments.file / "model_index.json").is_file()
    if diffusion:
        unpickle_model(source, "diffusion", STABLE_DIFFUSION_LAYOUT, arguments.out)
    else:
        unpickle_model(source, "clip", CLIP_LAYOUT, arguments.out)
    key = "generator" if diffusion else "clip_model"
    text = f"{source} is in {arguments.out}, as safetensors\nnext: seglet prepare diclip --{key} {arguments.out}"
    print_result(text, {"out": str(arguments.out), "model": source}, arguments.json)
    return 0


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
