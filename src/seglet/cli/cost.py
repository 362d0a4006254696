"""`seglet cost`: mIoU by minutes of annotation, from short runs on the user's own data, with a recommendation."""

import argparse
import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet.cli.output import print_result, table_lines
from seglet.cli.parsing import UsageError, add_json, whole_number
from seglet.engine.console import print_message
from seglet.results.label_cost.times import MASK_SECONDS, TAG_SECONDS

if TYPE_CHECKING:
    from seglet.data.simulated_labels import SparseKind
    from seglet.data.splits.fractions import LabelledPortion
    from seglet.results.label_cost.cost_data import CostData
    from seglet.results.label_cost.curve import CostCurve

_KEYS_OF_ROWS = ("data", "seed", "method", "train_split", "val_split", "teacher")
"""Keys of an experiment that differ between the rows of the curve."""
_MARKS: "Mapping[str, SparseKind]" = {"point": "points", "scribble": "scribbles", "box": "boxes"}
_DESCRIPTION = """\
Measure what annotation buys: train short runs from tags, from a few masks and from masks for all images, several seeds
each, and score them on other images; report the time that each kind of annotation takes and which is clearly better.
All images must have masks.
  seglet cost world
  seglet cost DIR --few 1/16 1/4 --mask-seconds 90 --steps 2000 --crop 256 256
Any key of an experiment may be given and holds for all runs. Finished runs are kept, so the same command goes on."""


def _seconds(text: str) -> float:
    """Reads an argument that is a number of seconds above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds above 0, got {text!r}")
    return number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("source", metavar="DIR|world", help="a data set's folder, its dataset.json, or world")
    parser.add_argument("--split", default="train", help="images to learn from, all with masks (default train)")
    parser.add_argument("--score-split", help="images to score on (default val; test of the world)")
    parser.add_argument(
        "--few", nargs="+", default=["1/8"], metavar="1/N", help="shares or numbers of images with masks (1/8)"
    )
    parser.add_argument(
        "--sparse",
        nargs="+",
        choices=("points", "scribbles", "boxes"),
        default=[],
        help="also learn from these in every image, simulated from the masks",
    )
    parser.add_argument(
        "--tags-with", choices=("ssss", "diclip"), default="ssss", help="method that learns from tags (ssss)"
    )
    parser.add_argument(
        "--few-with",
        choices=("fixmatch", "supervised"),
        default="fixmatch",
        help="method that learns from a few masks (fixmatch)",
    )
    parser.add_argument(
        "--seeds", type=whole_number(0, 2**31), nargs="+", default=[0, 1, 2], help="seeds, at least two (0 1 2)"
    )
    parser.add_argument("--times", choices=tuple(MASK_SECONDS), default="voc", help="published annotation times (voc)")
    parser.add_argument("--tag-seconds", type=_seconds, help=f"seconds to tag one class of one image ({TAG_SECONDS:g})")
    parser.add_argument("--mask-seconds", type=_seconds, help="seconds to draw the mask of one image (that of --times)")
    for one in _MARKS:
        parser.add_argument(f"--{one}-seconds", type=_seconds, help=f"seconds for the {one} of a region (published)")
    parser.add_argument(
        "--jobs", type=whole_number(1, 64), default=os.cpu_count(), help="runs at a time, on one thread each"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/cost"), metavar="DIR", help="folder of the results (runs/cost)"
    )
    add_json(parser)


def run(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seglet.cli.options.experiment import parse_keys
    from seglet.results.label_cost.curve import measure_label_cost
    from seglet.results.label_cost.plan import CostStudy
    from seglet.results.label_cost.times import AnnotationTimes

    keys, few = parse_keys(rest), _few_masks(arguments)
    _check_options(arguments, keys)
    data = _cost_data(arguments, few, keys)
    study = CostStudy(data, few, tuple(arguments.seeds), arguments.tags_with, arguments.few_with, keys)
    study = replace(study, sparse=tuple(dict.fromkeys(arguments.sparse)))
    command = shlex.join(["seglet", "cost", *_words(arguments, data.public_name, keys)])
    times = AnnotationTimes.of(arguments.times, data.classes, arguments.tag_seconds, arguments.mask_seconds)
    marks = {kind: getattr(arguments, f"{one}_seconds") for one, kind in _MARKS.items()}
    times = replace(times, marks={kind: seconds for kind, seconds in marks.items() if seconds is not None})
    print_message(f"{len(study.rows())} kinds of annotation, {len(arguments.seeds)} seeds each")
    curve = measure_label_cost(study, times, arguments.out, command, arguments.jobs)
    print_result(_text(curve, arguments.out), curve.as_dict(), arguments.json)
    return 0


def _few_masks(arguments: argparse.Namespace) -> "tuple[LabelledPortion, ...]":
    """Returns the shares or numbers of --few, each once.

    Raises:
        UsageError: a word is neither.
    """
    from seglet.data.splits.fractions import parse_portion

    portions = [parse_portion(word) for word in arguments.few]
    wrong = [word for word, portion in zip(arguments.few, portions, strict=True) if not _is_part(portion)]
    if wrong:
        raise UsageError(f"--few: expected shares such as 1/8, or numbers of images, got {wrong[0]!r}")
    return tuple(portion for portion in dict.fromkeys(portions) if portion is not None)


def _is_part(portion: "LabelledPortion | None") -> bool:
    return portion is not None and portion.count > 0 and (not portion.share or portion.count < portion.share)


def _check_options(arguments: argparse.Namespace, keys: Mapping[str, Any]) -> None:
    """Checks seeds and keys.

    Raises:
        UsageError: there are too few seeds, or a key differs between the rows.
    """
    if len(set(arguments.seeds)) < 2:
        raise UsageError("one seed gives no spread of the scores; give two --seeds at least")
    if own := [key for key in _KEYS_OF_ROWS if key in keys]:
        raise UsageError(f"--{own[0]} differs between the runs of the curve, which choose it; leave it out")


def _cost_data(
    arguments: argparse.Namespace, few: "tuple[LabelledPortion, ...]", keys: Mapping[str, Any]
) -> "CostData":
    from seglet.data.opening import names_world
    from seglet.results.label_cost.cost_data import WORLD_SCENES, folder_cost_data, world_cost_data

    if names_world(arguments.source):
        scenes = int(keys.get("world_scenes", WORLD_SCENES))
        return world_cost_data(arguments.source, arguments.split, arguments.score_split or "test", scenes)
    splits = (arguments.split, arguments.score_split or "val")
    return folder_cost_data(arguments.source, arguments.out / "data", splits, few, arguments.seeds)


def _words(arguments: argparse.Namespace, name: str, keys: Mapping[str, Any]) -> list[str]:
    """Returns the words of the command, with `name` in place of the data's path."""
    from seglet.results.collect import override_words

    words = [name, "--few", *arguments.few, "--seeds", *map(str, arguments.seeds)]
    words += ["--tags-with", arguments.tags_with, "--few-with", arguments.few_with, "--times", arguments.times]
    words += ["--sparse", *arguments.sparse] if arguments.sparse else []
    for option in ("tag_seconds", "mask_seconds", *(f"{one}_seconds" for one in _MARKS)):
        if getattr(arguments, option) is not None:
            words += [f"--{option.replace('_', '-')}", f"{getattr(arguments, option):g}"]
    return [*words, *override_words(keys)]


def _text(curve: "CostCurve", out: Path) -> str:
    """Returns the curve as text."""
    from seglet.results.label_cost.recommendation import cost_steps, recommend
    from seglet.results.label_cost.times import duration_text

    lines: list[tuple[str, ...]] = [("known", "annotation", "mIoU %", "95 % interval", "seeds")]
    for point in curve.points:
        low, high = (f"{100 * end:.1f}" for end in point.interval)
        scores = " ".join(f"{100 * score:.1f}" for score in point.scores)
        lines.append((point.name, duration_text(point.minutes), f"{100 * point.mean:.1f}", f"{low} – {high}", scores))
    return "\n".join(
        [
            *table_lines(lines, ""),
            "",
            *map(str, cost_steps(curve.points)),
            "",
            recommend(curve.points),
            f"Of {curve.images} images, in runs of {curve.steps} steps: more of either may change the order.",
            f"Times: {curve.times.source}.",
            f"{out / 'cost.json'}, {out / 'cost.svg'}; the runs are in {out / 'runs'}",
        ]
    )
