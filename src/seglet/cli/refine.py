"""`seglet refine`: refines score maps or masks to the edges of their images."""

import argparse
from pathlib import Path

from seglet.cli.options.actors import add_actor_options, read_actor_pool
from seglet.cli.options.inference import add_refiner_options, read_refiner
from seglet.cli.options.limits import add_max_pixels, read_max_pixels
from seglet.cli.output import print_result
from seglet.cli.parsing import add_json, positive_fraction, whole_number
from seglet.inference.options import REFINER_STEPS

_DESCRIPTION = """\
Refine a folder of score maps (.npy or .npz: floats [classes, rows, columns] in 0 to 1) or of index masks, or a folder
that `seglet predict` wrote, so that classes end at image edges. Under --out, with the folders of IN kept:
  masks/NAME.png        class of each pixel, a palette PNG
  scores/NAME.npz       with --scores: the refined score maps
classes.txt has the classes of the masks, refinements.json the result of each file. Finished files are not refined
again, so the same command goes on after an interruption. Files without an image, of another size than their image, or
that cannot be read are reported and skipped. Void pixels of index masks get a class."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, metavar="IN", help="folder of score maps or index masks")
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="folder of their images, of the same names"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--classes", type=Path, metavar="FILE", help="table of classes (classes.txt in or beside IN)")
    add_refiner_options(parser, "pamr")
    parser.add_argument(
        "--confidence", type=positive_fraction, default=0.7, help="crf: confidence of index masks (default 0.7)"
    )
    parser.add_argument("--scores", action="store_true", help="also write the refined score maps")
    parser.add_argument("--jobs", type=whole_number(1, 1024), metavar="N", help="processes (one for each processor)")
    parser.add_argument("--overwrite", action="store_true", help="refine finished files in --out again")
    add_max_pixels(parser)
    add_json(parser)
    add_actor_options(parser, gpus=False)


def run(arguments: argparse.Namespace) -> int:
    from seglet.inference.folder_refinement import RefineOptions, refine_folder

    options = RefineOptions(
        arguments.out,
        refiner=arguments.refiner,
        steps=REFINER_STEPS if arguments.steps is None else arguments.steps,
        crf_settings=arguments.crf_settings,
        classes=arguments.classes,
        confidence=arguments.confidence,
        keep_scores=arguments.scores,
        jobs=arguments.jobs,
        overwrite=arguments.overwrite,
        command=arguments.command_line,
        max_pixels=read_max_pixels(arguments),
        sam_model=read_refiner(arguments, "ssss").model,
        pool=read_actor_pool(arguments),
    )
    report = refine_folder(arguments.folder, arguments.images, options)
    print_result(report.text, report.record, arguments.json)
    return 2 if report.failed else 0
