"""`seglet report`: one page about a run, or several runs beside each other."""

import argparse
from pathlib import Path

from seglet._version import __version__
from seglet.cli.output import answer, check_writable
from seglet.cli.parsing import add_device, add_json

DESCRIPTION = """\
Look at every validation image and write one HTML file: scores with intervals, what is taken for what and in which
images, the worst and the best, confidence, small, dark and crowded images, features; of several runs also how they
differ image by image. The page needs no network and no server, and can run no script but its own.
  seglet report runs/mine --out mine.html
  seglet report runs/seed-0 runs/seed-1 runs/seed-2 --out seeds.html"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run's folder, a segmenter's, or an .onnx file")
    parser.add_argument("--data", help="score on these data, with masks (the first run's validation data)")
    parser.add_argument("--split", help="which part of them (val, or that of the run)")
    parser.add_argument("--depth", metavar="NAME|DIR", help="for networks told depth: another source than in training")
    parser.add_argument("--out", type=Path, default=Path("report.html"), metavar="FILE", help="default report.html")
    add_device(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.engine.console import ProgressDisplay
    from seglet.files import write_text
    from seglet.report.images import choose, show
    from seglet.report.measure import Measured, measure
    from seglet.report.page import Content, page
    from seglet.report.subject import open_data, open_subjects

    check_writable(arguments.out)
    subjects = open_subjects(arguments.runs, arguments.device, arguments.depth)
    data, name = open_data(arguments, subjects)
    measured: list[Measured] = []
    with ProgressDisplay("look", len(data) * len(subjects), "images") as steps:
        for subject in subjects:
            before = len(data) * len(measured)
            measured.append(measure(subject, data, lambda count, before=before: steps.advance(before + count)))  # type: ignore[misc]
    places = choose(measured)
    with ProgressDisplay("draw", len(places), "images") as steps:
        shown = show(subjects, data, places, steps.advance)
    content = Content(subjects, measured, shown, name, data.fingerprint, arguments.command_line)
    write_text(arguments.out, page(content))
    scores = {
        subject.name: found.evaluation.scores()["miou"] for subject, found in zip(subjects, measured, strict=True)
    }
    size = arguments.out.stat().st_size
    said = {"seglet": __version__, "out": str(arguments.out), "bytes": size, "images": len(data), "miou": scores}
    lines = [f"{key}: mIoU {100 * score:.2f} %" for key, score in scores.items()]
    lines += [f"{subject.name} {subject.remark}" for subject in subjects if subject.remark]
    lines.append(f"{arguments.out}: {size / 1e6:.2f} MB, {len(data)} images, {len(shown)} shown; open it in a browser")
    answer("\n".join(lines), said, arguments.json)
    return 0
