"""`seglet data thin`: points, scribbles or boxes in place of the full masks of a split."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seglet.cli.output import print_result
from seglet.cli.parsing import add_json, whole_number

if TYPE_CHECKING:
    from seglet.data.simulated_labels import SparseKind

_DESCRIPTION = """\
Simulate sparse labels: of each connected region of each class keep a few points, a scribble, or its box, and make the
rest void. Other splits keep their masks, so training on OUT is scored as training on DIR is. Images stay in place.
  seglet data thin DIR --points 1 --out runs/points
  seglet data thin DIR --scribbles --out runs/scribbles
  seglet data thin DIR --boxes --out runs/boxes
  seglet train configs/supervised/voc.yaml --data runs/points"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("source", type=Path, metavar="DIR", help="data set with masks")
    kinds = parser.add_mutually_exclusive_group(required=True)
    kinds.add_argument("--points", type=whole_number(1, 10**6), metavar="N", help="points of each region")
    kinds.add_argument("--scribbles", action="store_true", help="a line along each region")
    kinds.add_argument("--boxes", action="store_true", help="boxes of all regions but the background's")
    parser.add_argument("--radius", type=whole_number(0, 10**6), default=3, help="radius of points, in pixels (3)")
    parser.add_argument("--width", type=whole_number(1, 10**6), default=3, help="width of scribbles, in pixels (3)")
    parser.add_argument(
        "--core", type=whole_number(0, 100), default=20, help="per cent of a box that are its class, not void (20)"
    )
    parser.add_argument("--split", default="train", help="split whose masks are thinned (train)")
    parser.add_argument("--seed", type=whole_number(0, 2**31), default=0, help="seed of points and scribbles (0)")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="new folder for masks and description")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.data.folder_dataset import describe_data
    from seglet.data.simulated_labels import SparseSimulation
    from seglet.inference.thinned_set import thin_split

    count, radius, width = arguments.points or 1, arguments.radius, arguments.width
    kind: "SparseKind" = "points" if arguments.points else "scribbles" if arguments.scribbles else "boxes"
    simulation = SparseSimulation(kind, count, radius, width, arguments.core / 100)
    done = thin_split(describe_data(arguments.source), arguments.split, arguments.out, simulation, arguments.seed)
    share = f"{100 * done.labelled:.2f} % of the pixels have a label"
    lines = [
        f"{kind} of {done.regions} regions in {done.images} images: {share}",
        f"the data set is {arguments.out}; `seglet train supervised --data {arguments.out}` trains on it",
    ]
    facts = {"kind": kind, "images": done.images, "regions": done.regions, "labelled": done.labelled}
    print_result("\n".join(lines), {**facts, "description": str(done.file)}, arguments.json)
    return 0
