"""`seglet label`: writes confident predictions for a labelling tool."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seglet.cli.options.annotation_tool import add_tool_options
from seglet.cli.options.inference import add_inference_options, read_inference_options
from seglet.cli.options.limits import add_max_pixels, read_max_pixels
from seglet.cli.output import print_result
from seglet.cli.parsing import add_device, add_json, positive_fraction, unit_fraction, whole_number

if TYPE_CHECKING:
    from seglet.inference.next_images import NextOptions

_DESCRIPTION = """\
Predict images for people to correct: confident regions are written for a labelling tool, with their confidence. The
rest becomes a region called void, so that it is not taken for background; --no-void leaves these regions out.
  seglet label MODEL IMAGES --tool cvat --out DIR
`seglet data import` makes masks of the corrected annotations.

With --next N, the N images are written that would teach the model most: uncertain, of rare classes, unlike the labelled
and the chosen ones, and in dispute with a --teacher if there is one. --labelled names what is labelled already:
  seglet label MODEL IMAGES --next 50 --labelled DATA --tool cvat --out batch1"""


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
    _add_next(parser)
    parser.add_argument(
        "--resize", type=positive_fraction, default=1.0, help="segment at this fraction of the size (default 1)"
    )
    add_device(parser)
    add_max_pixels(parser)
    add_json(parser)
    add_inference_options(parser)


def _add_next(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the images to label next")
    group.add_argument("--next", type=whole_number(1, 10**6), metavar="N", help="write the N most valuable images")
    group.add_argument("--labelled", metavar="DATA", help="data that are labelled already, or several as a,b")
    group.add_argument("--split", help="split of --labelled (default train)")
    group.add_argument("--teacher", metavar="MODEL", help="another model, whose disagreement counts")
    group.add_argument(
        "--samples",
        type=whole_number(0, 1000),
        metavar="T",
        help="Monte-Carlo passes for the uncertainty",
    )
    group.add_argument("--seed", type=whole_number(0, 2**63 - 1), help="seed of these passes (0)")
    group.add_argument(
        "--mix",
        nargs="+",
        metavar="PART=W",
        help="weights of the parts (uncertainty=1 rarity=0.5 diversity=1 disagreement=1)",
    )


def _next_options(arguments: argparse.Namespace) -> "NextOptions | None":
    """Returns how the images to label are chosen; None for all.

    Raises:
        ValueError: options of the choice are given without --next.
    """
    from seglet.inference.next_images import NextOptions
    from seglet.inference.teaching_value import ValueMix

    names = ("labelled", "split", "teacher", "samples", "seed")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if arguments.next is None:
        if given or arguments.mix:
            raise ValueError(f"--{next(iter(given), 'mix')} is for the choice of images; give --next N with it")
        return None
    return NextOptions(arguments.next, ValueMix.parse(arguments.mix or ()), **given)


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
        next_images=_next_options(arguments),
    )
    report = label_folder(arguments.model, arguments.inputs, options)
    print_result(report.text, report.record, arguments.json)
    return 2 if report.failed else 0
