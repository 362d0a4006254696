"""`seglet export`: a segmenter as an ONNX file that was compared with it."""

import argparse
from pathlib import Path

from seglet.cli.output import print_result
from seglet.cli.parsing import add_json, whole_number

DESCRIPTION = """\
Write a segmenter as an ONNX file, for onnxruntime, without PyTorch: RGB images in 0 to 1 in, logits at their size
out, whatever their number, height and width. Classes, colours and preprocessing are in its metadata.
  seglet export MODEL --images IMAGES --out model.onnx
The file is compared with the network on images at two sizes before it gets its name; where they disagree, there is
no file. `seglet predict` and `seglet evaluate` take it as a model. With --int8 a second file with 8-bit numbers is
written, and the mIoU it loses on --data is measured."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", help="a segmenter's folder, a run's folder, or a name on the hub")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write, ending in .onnx")
    parser.add_argument("--overwrite", action="store_true", help="write over a file that is there")
    parser.add_argument(
        "--size", type=whole_number(32, 16384), nargs=2, metavar=("H", "W"), help="for images of one size only"
    )
    parser.add_argument(
        "--images", type=Path, nargs="+", metavar="INPUT", help="to compare on (those of --data, or drawn scenes)"
    )
    parser.add_argument("--int8", action="store_true", help="also write FILE.int8.onnx, with 8-bit numbers")
    parser.add_argument("--data", help="with masks, for --int8: a data set's folder or dataset.json, or world")
    parser.add_argument("--split", default="val", help="which part of --data (default val)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.deploy.export import ExportOptions, export_segmenter

    options = ExportOptions(
        arguments.out,
        arguments.overwrite,
        None if arguments.size is None else (arguments.size[0], arguments.size[1]),
        tuple(arguments.images or ()),
        arguments.int8,
        arguments.data,
        arguments.split,
    )
    report = export_segmenter(arguments.model, options)
    print_result(report.text, report.record, arguments.json)
    return 0
