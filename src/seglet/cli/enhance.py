"""`seglet enhance`: dark images made brighter, to look at or to segment."""

import argparse
from pathlib import Path

from seglet.cli.output import print_result
from seglet.cli.parsing import add_device, add_json, whole_number

METHODS = ("clahe", "equalise", "gamma", "retinex", "zero-dce")
DESCRIPTION = """\
Brighten dark images. Each goes to OUT/NAME.png, with the folders of the input kept:
  clahe      contrast-limited adaptive histogram equalisation
  equalise   histogram equalisation of the whole image
  gamma      the power that brings the mean to 45 %
  retinex    multi-scale Retinex with colour restoration
  zero-dce   a small network, trained with --train-on or --train-data on your own dark images, of which it needs no
             bright twins, and saved in OUT/zero-dce; or one that was saved before, with --model
enhanced.json says what became of each image. Those that are finished are not made again, so the same command goes on
after an interruption. All brighten noise as well: what an image does not show cannot be brought back."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "images", type=Path, nargs="*", metavar="IMAGES", help="image, folder or list (.txt); none: only train"
    )
    parser.add_argument("--method", choices=METHODS, default="clahe", help="how (default clahe)")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="folder for the results")
    parser.add_argument("--train-on", type=Path, metavar="DIR", help="zero-dce: folder of dark images to learn from")
    parser.add_argument("--train-data", metavar="DATA", help="the same: a data set, its split train, or world:dark=1")
    parser.add_argument("--steps", type=whole_number(1, 10**7), metavar="N", help="zero-dce: of training (default 500)")
    parser.add_argument("--seed", type=whole_number(0, 2**63 - 1), default=0, help="zero-dce: of training (default 0)")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="zero-dce: a saved network to take")
    parser.add_argument("--jobs", type=whole_number(1, 1024), metavar="N", help="processes (one for each processor)")
    parser.add_argument("--overwrite", action="store_true", help="make what is finished in OUT again")
    add_device(parser)
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
    )
    report = enhance_folder(arguments.images, options)
    print_result(report.text, report.record, arguments.json)
    return 2 if report.failed else 0
