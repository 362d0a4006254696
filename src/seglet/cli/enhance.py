"""`seglet enhance`: brightens dark images, for people or for a segmenter."""

import argparse
from pathlib import Path

from seglet.cli.options.limits import add_max_pixels, read_max_pixels
from seglet.cli.output import print_result
from seglet.cli.parsing import add_device, add_json, whole_number

_METHODS = ("clahe", "equalise", "gamma", "retinex", "zero-dce")
_DESCRIPTION = """\
Brighten dark images. Each goes to OUT/NAME.png, with the folders of the input kept:
  clahe      contrast-limited adaptive histogram equalisation
  equalise   histogram equalisation of the whole image
  gamma      the power that brings the mean to 45 %
  retinex    multi-scale Retinex with colour restoration
  zero-dce   a small network, trained with --train-on or --train-data on your own dark images, without bright images,
             and saved in OUT/zero-dce; or a saved one, with --model
enhanced.json records the result of each image. Finished images are not made again, so the same command goes on after
an interruption. Every method brightens noise too, and none restores what an image does not show."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "images", type=Path, nargs="*", metavar="IMAGES", help="image, folder or list (.txt); none: only train"
    )
    parser.add_argument("--method", choices=_METHODS, default="clahe", help="method (default clahe)")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="folder for the results")
    parser.add_argument("--train-on", type=Path, metavar="DIR", help="zero-dce: folder of dark images to train on")
    parser.add_argument(
        "--train-data", metavar="DATA", help="zero-dce: data set to train on, its split train, or world:dark=1"
    )
    parser.add_argument(
        "--steps", type=whole_number(1, 10**7), metavar="N", help="zero-dce: training steps (default 500)"
    )
    parser.add_argument(
        "--seed", type=whole_number(0, 2**63 - 1), default=0, help="zero-dce: seed of the training (default 0)"
    )
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="zero-dce: folder of a saved network")
    parser.add_argument("--jobs", type=whole_number(1, 1024), metavar="N", help="processes (one for each processor)")
    parser.add_argument("--overwrite", action="store_true", help="make finished images in OUT again")
    add_device(parser)
    add_max_pixels(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.inference.folder_enhancement import EnhanceOptions, enhance_folder

    options = EnhanceOptions(
        arguments.out,
        arguments.method,
        train_on=arguments.train_on,
        train_data=arguments.train_data,
        steps=arguments.steps,
        seed=arguments.seed,
        model=arguments.model,
        device=arguments.device,
        jobs=arguments.jobs,
        overwrite=arguments.overwrite,
        command=arguments.command_line,
        max_pixels=read_max_pixels(arguments),
    )
    report = enhance_folder(arguments.images, options)
    print_result(report.text, report.record, arguments.json)
    return 2 if report.failed else 0
