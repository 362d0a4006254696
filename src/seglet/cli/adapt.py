"""`seglet adapt`: adapts a segmenter to unlabelled images of another light, camera or place."""

import argparse
from pathlib import Path

from seglet.cli.options.limits import add_max_pixels, read_max_pixels
from seglet.cli.output import print_result
from seglet.cli.parsing import add_device, add_json, darkness_level, positive_fraction, unit_fraction, whole_number

_DESCRIPTION = """\
Adapt a segmenter to images that have no labels, such as a network of daylight to the night:
  adabn          the statistics of its batch norms become those of the images; nothing is trained
  tent           then their scale and shift are trained for surer predictions
  self-training  in place of that the network is trained on the labels of its own moving average, in which a pixel
                 counts by its certainty
OUT/model is the adapted segmenter, and adapted.json says how it was made. Score it on images with masks before you use
it: adaptation helps where the light or the camera has changed, and hurts where the share of the classes has."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", metavar="MODEL", help="segmenter: its folder, a run, or a name on the hub")
    parser.add_argument("images", type=Path, nargs="*", metavar="IMAGES", help="image, folder or list (.txt)")
    parser.add_argument("--data", metavar="DIR", help="data set in place of IMAGES; masks and tags are not read")
    parser.add_argument("--split", default="train", help="split of --data (train)")
    parser.add_argument(
        "--darken",
        type=darkness_level,
        metavar="LEVEL",
        help="darken these images: mild, night, extreme, or stops",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="folder for the adapted segmenter")
    parser.add_argument("--method", choices=("adabn", "tent", "self-training"), default="adabn", help="(adabn)")
    most = whole_number(1, 10**7)
    parser.add_argument("--images-at-most", type=most, default=160, metavar="N", help="images for statistics (160)")
    parser.add_argument("--batch", type=whole_number(1, 1024), default=8, metavar="N", help="images at once (8)")
    parser.add_argument(
        "--blend", type=unit_fraction, default=1.0, metavar="B", help="share of the new statistics, others stay (1)"
    )
    parser.add_argument(
        "--resize",
        type=positive_fraction,
        default=1.0,
        metavar="F",
        help="look at images at this fraction of their size",
    )
    parser.add_argument("--steps", type=most, default=100, metavar="N", help="tent, self-training: steps (100)")
    parser.add_argument(
        "--crop", type=whole_number(32, 8192), default=256, metavar="PIXELS", help="tent, self-training: crops (256)"
    )
    parser.add_argument("--rate", type=float, metavar="R", help="learning rate (tent: 0.001, self-training: 0.0001)")
    parser.add_argument("--depth", metavar="SOURCE", help="for networks that take depth, as in `seglet predict`")
    parser.add_argument("--seed", type=whole_number(0, 2**63 - 1), default=0, help="seed of all draws (0)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result in OUT")
    add_device(parser)
    add_max_pixels(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.inference.adapt import AdaptOptions, adapt_model

    options = AdaptOptions(
        arguments.out,
        arguments.method,
        images=arguments.images_at_most,
        batch=arguments.batch,
        blend=arguments.blend,
        resize=arguments.resize,
        steps=arguments.steps,
        crop=arguments.crop,
        rate=arguments.rate,
        darken=arguments.darken,
        depth=arguments.depth,
        seed=arguments.seed,
        device=arguments.device,
        overwrite=arguments.overwrite,
        command=arguments.command_line,
        max_pixels=read_max_pixels(arguments),
    )
    report = adapt_model(arguments.model, arguments.images, arguments.data, arguments.split, options)
    print_result(report.text, report.record, arguments.json)
    return 0
