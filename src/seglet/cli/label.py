"""`seglet label`: writes confident predictions for a labelling tool."""

import argparse
from pathlib import Path

from seglet.cli.options.annotation_tool import add_tool_options
from seglet.cli.options.inference import add_inference_options, read_inference_options
from seglet.cli.options.limits import add_max_pixels, read_max_pixels
from seglet.cli.output import print_result
from seglet.cli.parsing import add_device, add_json, positive_fraction, unit_fraction, whole_number

_DESCRIPTION = """\
Predict images for people to correct: confident regions are written for a labelling tool, with their confidence. The
rest becomes a region called void, so that it is not taken for background; --no-void leaves these regions out.
  seglet label MODEL IMAGES --tool cvat --out DIR
`seglet data import` makes masks of the corrected annotations."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "model", help="a segmenter's folder, a run's folder, an exported .onnx file, or a name on the hub"
    )
    parser.add_argument("inputs", type=Path, nargs="+", metavar="INPUT", help="image, folder or list (.txt)")
    add_tool_options(parser)
    group = parser.add_argument_group("confident regions")
    group.add_argument(
        "--threshold", type=unit_fraction, default=0.5, metavar="T", help="least probability of a pixel (default 0.5)"
    )
    group.add_argument(
        "--least-confidence",
        type=unit_fraction,
        default=0.0,
        metavar="C",
        help="least mean probability of a region (any)",
    )
    group.add_argument(
        "--least-area",
        type=whole_number(0, 10**9),
        default=0,
        metavar="N",
        help="least number of pixels of a region (any)",
    )
    group.add_argument(
        "--void", action=argparse.BooleanOptionalAction, default=True, help="write regions for the rest (default)"
    )
    parser.add_argument(
        "--resize", type=positive_fraction, default=1.0, help="segment at this fraction of the size (default 1)"
    )
    add_device(parser)
    add_max_pixels(parser)
    add_json(parser)
    add_inference_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.inference.folder_labelling import LabelOptions, label_folder

    options = LabelOptions(
        arguments.out,
        arguments.tool,
        arguments.form,
        overwrite=arguments.overwrite,
        threshold=arguments.threshold,
        least_confidence=arguments.least_confidence,
        least_area=arguments.least_area,
        void=arguments.void,
        inference=read_inference_options(arguments),
        device=arguments.device,
        command=arguments.command_line,
        max_pixels=read_max_pixels(arguments),
    )
    report = label_folder(arguments.model, arguments.inputs, options)
    print_result(report.text, report.record, arguments.json)
    return 2 if report.failed else 0
