"""`seglet export`: writes a segmenter as an ONNX file, and compares the two."""

import argparse
from pathlib import Path

from seglet.cli.options.limits import add_max_pixels, read_max_pixels
from seglet.cli.output import print_result
from seglet.cli.parsing import add_json, whole_number

_DESCRIPTION = """\
Write a segmenter as an ONNX file for onnxruntime, which needs no PyTorch. It takes any number of RGB images in 0 to 1
of any height and width, and returns logits of their size. Its metadata has classes, colours and preprocessing.
  seglet export MODEL --images IMAGES --out model.onnx
The file is compared with the network on images of two sizes first, and is not written if they disagree. `seglet
predict` and `seglet evaluate` accept it as a model. With --int8 a second file with 8-bit numbers is written, and its
loss of mIoU on --data is measured. With --with-preprocess a file FILE.uint8.onnx is written, too: it takes images as
they are decoded, uint8 [number, height, width, 3], and gives class ids, uint8 [number, height, width]."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", help="a segmenter's folder, a run's folder, or a name on the hub")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write, ending in .onnx")
    parser.add_argument("--overwrite", action="store_true", help="overwrite an existing file")
    parser.add_argument(
        "--size",
        type=whole_number(32, 16384),
        nargs=2,
        metavar=("H", "W"),
        help="make a file for images of this size only",
    )
    parser.add_argument(
        "--images",
        type=Path,
        nargs="+",
        metavar="INPUT",
        help="images to compare on (those of --data, or scenes of the world)",
    )
    parser.add_argument("--int8", action="store_true", help="also write FILE.int8.onnx, with 8-bit numbers")
    parser.add_argument(
        "--with-preprocess",
        action="store_true",
        help="also write FILE.uint8.onnx, from images of bytes to class ids, which needs no code around it",
    )
    parser.add_argument(
        "--with-confidence", action="store_true", help="of that file: also give the probability of each class id"
    )
    parser.add_argument("--data", help="data with masks, for --int8: a data set's folder or dataset.json, or world")
    parser.add_argument("--split", default="val", help="split of --data (default val)")
    add_max_pixels(parser)
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
        read_max_pixels(arguments),
        arguments.with_preprocess,
        arguments.with_confidence,
    )
    report = export_segmenter(arguments.model, options)
    print_result(report.text, report.record, arguments.json)
    return 0
