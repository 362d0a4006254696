"""`seglet label`: predicts, keeps what is confident, and writes it for a labelling tool."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet._version import __version__
from seglet.cli.options.annotation_tool import add_tool_options
from seglet.cli.options.inference import add_inference_options, read_inference_options
from seglet.cli.output import print_result
from seglet.cli.parsing import add_device, add_json, positive_fraction, unit_fraction, whole_number

if TYPE_CHECKING:
    from seglet.inference.annotation_folder import LabelsAndConfidence
    from seglet.inference.depth import DepthSource
    from seglet.inference.inputs import ImageFile
    from seglet.inference.options import InferenceOptions
    from seglet.models.segmenter import Segmenter

DESCRIPTION = """\
Label images for people to mend: what a network is sure of is written for a labelling tool, with its confidence.
The rest is a region called void, so that nothing unsure is taken for background; --no-void leaves these regions out.
  seglet label MODEL IMAGES --tool cvat --out DIR
What people made of it comes back with `seglet data import`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "model", help="a segmenter's folder, a run's folder, an exported .onnx file, or a name on the hub"
    )
    parser.add_argument("inputs", type=Path, nargs="+", metavar="INPUT", help="image, folder or list (.txt)")
    add_tool_options(parser)
    group = parser.add_argument_group("what is kept")
    group.add_argument(
        "--threshold", type=unit_fraction, default=0.5, metavar="T", help="probability that a pixel needs (default 0.5)"
    )
    group.add_argument(
        "--least-confidence",
        type=unit_fraction,
        default=0.0,
        metavar="C",
        help="mean probability that a piece needs (any)",
    )
    group.add_argument(
        "--least-area", type=whole_number(0, 10**9), default=0, metavar="N", help="pixels that a piece needs (any)"
    )
    group.add_argument("--void", action=argparse.BooleanOptionalAction, default=True, help="regions of the rest")
    parser.add_argument(
        "--resize", type=positive_fraction, default=1.0, help="segment at this fraction of the size (default 1)"
    )
    add_device(parser)
    add_json(parser)
    add_inference_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.files import read_json
    from seglet.inference.annotation_folder import LABEL_RECORD, AnnotationFolder, check_annotation_folder
    from seglet.inference.depth import find_depth_source
    from seglet.inference.inputs import gather_images
    from seglet.inference.models import load_model, model_folder, weights_hash
    from seglet.inference.predict import check_inference_options

    options = read_inference_options(arguments)
    check_annotation_folder(arguments.out, arguments.overwrite)
    images = gather_images(arguments.inputs, arguments.out)
    folder = model_folder(arguments.model)
    model = load_model(str(folder), arguments.device)
    check_inference_options(model, options)
    depths = find_depth_source(model, options.depth)
    target = AnnotationFolder.of(arguments, model.classes, arguments.void)
    kept = {name: getattr(arguments, name) for name in ("threshold", "least_confidence", "least_area", "void")}
    about: dict[str, Any] = {"seglet": __version__, "command": arguments.command_line}
    about |= {"model": arguments.model, "weights": weights_hash(folder), "settings": {**kept, **options.as_dict()}}
    file = target.fill(images, lambda image: _labels(model, image, arguments, options, depths), about)
    record = read_json(arguments.out / LABEL_RECORD)
    print_result("\n".join(target.summary_lines(file)), record, arguments.json)
    return 2 if target.failed else 0


def _labels(
    model: "Segmenter",
    source: "ImageFile",
    arguments: argparse.Namespace,
    options: "InferenceOptions",
    depths: "DepthSource | None",
) -> "LabelsAndConfidence":
    from seglet.images import resize_by_factor
    from seglet.inference.confident_regions import keep_confident_regions
    from seglet.inference.options import PseudoLabelOptions
    from seglet.inference.pseudo_labels import predict_pseudo_labels

    image = source.read()
    depth = None if depths is None else depths(resize_by_factor(image, options.resize), source.name)
    found = predict_pseudo_labels(model, image, None, PseudoLabelOptions(arguments.threshold, options), depth)
    labels = keep_confident_regions(found.labels, found.confidence, arguments.least_confidence, arguments.least_area)
    return labels, found.confidence
