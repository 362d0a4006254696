"""`seglet cost`: mIoU by minutes of annotation, from short runs on the user's own data, with a recommendation."""

import argparse
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet._version import __version__
from seglet.cli.output import answer, columns
from seglet.cli.parsing import UsageError, add_json, whole
from seglet.results.label_cost.times import MASKS, TAG

if TYPE_CHECKING:
    from seglet.data.splits.fractions import Portion
    from seglet.results.label_cost.plan import Source
    from seglet.results.label_cost.times import Times
    from seglet.results.label_cost.verdict import Point
    from seglet.results.plan import TablePlan

OWN = ("data", "seed", "method", "train_split", "val_split", "teacher")
"""Keys of an experiment that the rows of the curve decide."""
DESCRIPTION = """\
What does annotation buy? Trains short runs from tags, from a few masks and from masks for all, several seeds each, on
images that have masks, and scores them on others; says what each kind of annotation costs and what is clearly better.
  seglet cost world
  seglet cost DIR --few 1/16 1/4 --mask-seconds 90 --steps 2000 --crop 256 256
Any key of an experiment may be given and holds for all runs. What is finished is kept, so the same command goes on."""


def seconds(text: str) -> float:
    """An argument above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds above 0, got {text!r}")
    return number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("source", metavar="DIR|world", help="a data set's folder, its dataset.json, or world")
    parser.add_argument("--split", default="train", help="images to learn from, all with masks (default train)")
    parser.add_argument("--score-split", help="others to be scored on (default val; of the world test)")
    parser.add_argument("--few", nargs="+", default=["1/8"], metavar="1/N", help="shares or numbers of masks (1/8)")
    parser.add_argument("--tags-with", choices=("ssss", "diclip"), default="ssss", help="what learns from tags (ssss)")
    parser.add_argument(
        "--few-with", choices=("fixmatch", "supervised"), default="fixmatch", help="from a few masks (fixmatch)"
    )
    parser.add_argument("--seeds", type=whole(0, 2**31), nargs="+", default=[0, 1, 2], help="two at least (0 1 2)")
    parser.add_argument("--times", choices=tuple(MASKS), default="voc", help="published annotation times (voc)")
    parser.add_argument("--tag-seconds", type=seconds, help=f"to judge one class of one image ({TAG:g})")
    parser.add_argument("--mask-seconds", type=seconds, help="to draw the mask of one image (that of --times)")
    parser.add_argument("--jobs", type=whole(1, 64), default=os.cpu_count(), help="one-thread runs side by side")
    parser.add_argument("--out", type=Path, default=Path("runs/cost"), metavar="DIR", help="default runs/cost")
    add_json(parser)


def run(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seglet.cli.train import parse_overrides
    from seglet.files import write_json, write_text
    from seglet.results.label_cost.chart import svg
    from seglet.results.label_cost.plan import common, definition, minutes, rows, settle
    from seglet.results.label_cost.times import Times, spoken
    from seglet.results.label_cost.verdict import recommendation, steps
    from seglet.results.plan import TablePlan
    from seglet.results.runner import fill_table

    overrides, few = parse_overrides(rest), _few(arguments)
    _check(arguments, overrides)
    source = _source(arguments, few, overrides)
    recipes = rows(source, few, arguments.tags_with, arguments.few_with, overrides)
    methods = {"tags": arguments.tags_with, "few": arguments.few_with}
    splits = {"train": source.train, "score": source.score, "fingerprint": source.fingerprint}
    settle(arguments.out, {**splits, **methods, "keys": overrides})
    source.write()
    command = shlex.join(["seglet", "cost", *_words(arguments, source, overrides)])
    table = TablePlan(
        definition(source, recipes, arguments.seeds, command),
        runs=arguments.out / "runs",
        results=arguments.out,
        overrides={**common(overrides), "data": source.data, **_validated(source)},
        seeds=tuple(arguments.seeds),
    )
    times = Times.of(arguments.times, source.classes, arguments.tag_seconds, arguments.mask_seconds)
    costs = minutes(source, few, times)
    print(f"{len(recipes)} kinds of annotation, {len(arguments.seeds)} seeds each", file=sys.stderr)
    filled = fill_table(table, arguments.jobs)
    points = read(table, costs)
    found = [step.as_dict() for step in steps(points)]
    said = recommendation(points)
    about = {name: filled[name] for name in ("command", "commit", "hardware", "versions")}
    result = {"seglet": __version__, **about, "fingerprint": source.fingerprint, "images": source.images}
    result |= {"times": {"tags": times.tags, "mask": times.mask, "source": times.source}}
    result |= {"points": [point.as_dict() for point in points], "steps": found, "recommendation": said}
    write_json(arguments.out / "cost.json", result)
    title = f"What annotation buys: {', '.join(f'{point.name} {spoken(point.minutes)}' for point in points)}"
    write_text(arguments.out / "cost.svg", svg(points, title))
    answer(text(points, times, source, table, arguments.out), result, arguments.json)
    return 0


def _few(arguments: argparse.Namespace) -> "list[Portion]":
    from seglet.data.splits.fractions import parse_portion

    found = [parse_portion(word) for word in arguments.few]
    wrong = [word for word, portion in zip(arguments.few, found, strict=True) if not _sound(portion)]
    if wrong:
        raise UsageError(f"--few: expected shares such as 1/8, or numbers of images, got {wrong[0]!r}")
    return [portion for portion in dict.fromkeys(found) if portion is not None]


def _sound(portion: "Portion | None") -> bool:
    return portion is not None and portion.count > 0 and (not portion.share or portion.count < portion.share)


def _check(arguments: argparse.Namespace, overrides: Mapping[str, Any]) -> None:
    if len(set(arguments.seeds)) < 2:
        raise UsageError("one seed says nothing of how seeds scatter; give two --seeds at least")
    if own := [key for key in OWN if key in overrides]:
        raise UsageError(f"--{own[0]} differs between the runs of the curve, which choose it; leave it out")


def _source(arguments: argparse.Namespace, few: "list[Portion]", overrides: Mapping[str, Any]) -> "Source":
    from seglet.data.opening import names_world
    from seglet.results.label_cost.plan import WORLD, folder_source, world_source

    if names_world(arguments.source):
        scenes = int(overrides.get("world_scenes", WORLD["world_scenes"]))
        return world_source(arguments.source, arguments.split, arguments.score_split or "test", scenes)
    splits = (arguments.split, arguments.score_split or "val")
    return folder_source(arguments.source, arguments.out / "data", splits, few, arguments.seeds)


def _validated(source: "Source") -> dict[str, str]:
    """Data on disk may have no split val; nothing is chosen by what is seen while training."""
    from seglet.data.opening import names_world

    return {} if names_world(source.data) else {"val_split": source.score}


def _words(arguments: argparse.Namespace, source: "Source", overrides: Mapping[str, Any]) -> list[str]:
    """The command again, without the place of anybody's data."""
    from seglet.results.collect import override_words

    words = [source.shown, "--few", *arguments.few, "--seeds", *map(str, arguments.seeds)]
    words += ["--tags-with", arguments.tags_with, "--few-with", arguments.few_with, "--times", arguments.times]
    for name in ("tag_seconds", "mask_seconds"):
        if getattr(arguments, name) is not None:
            words += [f"--{name.replace('_', '-')}", f"{getattr(arguments, name):g}"]
    return [*words, *override_words(overrides)]


def read(table: "TablePlan", costs: Mapping[str, float]) -> "list[Point]":
    """What the finished runs of each kind of annotation scored."""
    from seglet.files import read_json
    from seglet.results.label_cost.plan import folder_name
    from seglet.results.label_cost.verdict import Point
    from seglet.results.plan import Cell

    points = []
    for name, cost in costs.items():
        found = [read_json(table.folders.scores(Cell(folder_name(name), seed))) for seed in table.all_seeds]
        intervals = tuple((entry["intervals"]["miou"][0], entry["intervals"]["miou"][1]) for entry in found)
        points.append(Point(name, cost, tuple(entry["miou"] for entry in found), intervals))
    return sorted(points, key=lambda point: point.minutes)


def text(points: "list[Point]", times: "Times", source: "Source", table: "TablePlan", out: Path) -> str:
    """The curve in words."""
    from seglet.results.label_cost.times import spoken
    from seglet.results.label_cost.verdict import recommendation, steps

    lines: list[tuple[str, ...]] = [("known", "annotation", "mIoU %", "95 % interval", "seeds")]
    for point in points:
        low, high = (f"{100 * end:.1f}" for end in point.interval)
        scores = " ".join(f"{100 * score:.1f}" for score in point.scores)
        lines.append((point.name, spoken(point.minutes), f"{100 * point.mean:.1f}", f"{low} – {high}", scores))
    length = table.common_keys["steps"]
    return "\n".join(
        [
            *columns(lines, ""),
            "",
            *map(str, steps(points)),
            "",
            recommendation(points),
            f"Of {source.images} images, in runs of {length} steps: more of either may change the order.",
            f"Times: {times.source}.",
            f"{out / 'cost.json'}, {out / 'cost.svg'}; the runs are in {out / 'runs'}",
        ]
    )
