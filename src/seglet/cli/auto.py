"""`seglet auto`: from a folder of images and cheap labels to a checked ONNX file, by the commands it prints."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seglet.cli.output import print_result
from seglet.cli.parsing import add_json, whole_number
from seglet.engine.console import print_message

if TYPE_CHECKING:
    from seglet.chain.request import ChainRequest

_DESCRIPTION = """\
Make a small segmenter, as an ONNX file, from a folder of images and the labels that are there. They decide the way:
  masks for all images        a larger network, and a student that it teaches; --teacher MODEL takes yours
  a few masks, and a split    consistency training on all images
  called unlabelled
  tags                        masks by an ImageNet classifier, or by DiCLIP with --clip MODEL; a student on these
  points, lines, boxes        a student on the pixels that they name
Every step is a command of seglet, printed before it runs; the same `seglet auto` goes on after an interruption.
  seglet auto DIR --dry-run
  seglet auto DIR --tags tags.csv --out model.onnx
  seglet auto DIR --names "road, pothole" --points annotations.xml --out model.onnx"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("data", type=Path, metavar="DIR", help="folder of images, or of a whole data set")
    parser.add_argument("--names", default="", metavar="A,B", help="the classes without background (those of the data)")
    parser.add_argument("--tags", type=Path, metavar="FILE|DIR", help="classes of each image (those beside the images)")
    parser.add_argument(
        "--points", type=Path, metavar="FILE|DIR", help="export of a labelling tool with points, lines or boxes"
    )
    parser.add_argument("--teacher", default="", metavar="MODEL", help="segmenter that teaches the student")
    parser.add_argument("--clip", default="", metavar="MODEL", help="CLIP that makes masks from tags, as in DiCLIP")
    parser.add_argument(
        "--groups", default="", metavar="FILE", help="ImageNet classes of each class: voc, or a YAML file"
    )
    parser.add_argument(
        "--learn-from",
        default="",
        choices=["", "masks", "few", "tags", "points"],
        metavar="KIND",
        help="masks, few, tags or points, where there are several kinds (masks go first)",
    )
    parser.add_argument(
        "--minutes", type=_minutes, default=20.0, help="time on this processor, by which steps are chosen (20)"
    )
    parser.add_argument("--steps", type=whole_number(1, 10**9), help="steps of each training instead")
    parser.add_argument(
        "--rounds", type=whole_number(1, 10), default=1, help="students in turn where labels are made from tags (1)"
    )
    parser.add_argument("--seed", type=whole_number(0, 2**31), default=0, help="seed of training (0)")
    parser.add_argument("--out", type=Path, default=Path("model.onnx"), metavar="FILE", help="default model.onnx")
    parser.add_argument(
        "--work", type=Path, default=Path("runs/auto"), metavar="DIR", help="folder of everything else (runs/auto)"
    )
    parser.add_argument("--overwrite", action="store_true", help="throw away an earlier chain in --work, and --out")
    parser.add_argument("--dry-run", action="store_true", help="print the way, its reason and the commands, and stop")
    add_json(parser)


def _minutes(text: str) -> float:
    """Reads an argument that is a number of minutes above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected minutes above 0, got {text!r}")
    return number


def run(arguments: argparse.Namespace) -> int:
    from seglet.chain.run import prepare_chain, run_chain
    from seglet.chain.summary import chain_result, plan_text, result_text

    request = _request(arguments)
    plan = prepare_chain(request, arguments.overwrite)
    if arguments.dry_run:
        print_result(plan_text(plan, request), plan.as_dict(), arguments.json)
        return 0
    print_message(plan_text(plan, request))
    done = run_chain(request, plan, arguments.overwrite)
    print_result(result_text(done), chain_result(done), arguments.json)
    return 0


def _request(arguments: argparse.Namespace) -> "ChainRequest":
    from seglet.chain.request import ChainRequest

    return ChainRequest(
        data=arguments.data,
        out=arguments.out,
        work=arguments.work,
        names=tuple(name.strip() for name in arguments.names.split(",")) if arguments.names else (),
        tags=arguments.tags,
        shapes=arguments.points,
        teacher=arguments.teacher,
        clip=arguments.clip,
        groups=arguments.groups,
        learn_from=arguments.learn_from,
        minutes=arguments.minutes,
        steps=arguments.steps,
        rounds=arguments.rounds,
        seed=arguments.seed,
    )
