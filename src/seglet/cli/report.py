"""`seglet report`: one page about a run, or several runs beside each other."""

import argparse
from pathlib import Path

from seglet._version import __version__
from seglet.cli.output import print_result
from seglet.cli.parsing import add_device, add_json, whole_number
from seglet.engine.output_folder import check_writable

_DESCRIPTION = """\
Predict every validation image and write one HTML file: scores with intervals, the confusion matrix with images of each
error, the worst and the best images, confidence, scores by object size, darkness and number of classes, and features;
of several runs also how they differ image by image, and their features side by side. The page needs no network and no
server, and can run no script but its own.
  seglet report runs/mine --out mine.html
  seglet report runs/seed-0 runs/seed-1 runs/seed-2 --out seeds.html"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run's folder, a segmenter's, or an .onnx file")
    parser.add_argument("--data", help="score on these data, with masks (the first run's validation data)")
    parser.add_argument("--split", help="which part of them (val, or that of the run)")
    parser.add_argument(
        "--depth", metavar="NAME|DIR", help="source of depth, for networks that take it, if not that of training"
    )
    parser.add_argument(
        "--pairs",
        type=whole_number(0, 1000),
        default=0,
        metavar="N",
        help="draw the features of the N pairs of classes that the first run confuses most, each alone (0)",
    )
    parser.add_argument("--out", type=Path, default=Path("report.html"), metavar="FILE", help="default report.html")
    add_device(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.engine.console import ProgressDisplay
    from seglet.files import write_text
    from seglet.report.images import choose_report_images, render_report_images
    from seglet.report.page import ReportContent, render_report
    from seglet.report.scores import score_subjects
    from seglet.report.subject import open_report_data, open_report_subjects

    check_writable(arguments.out)
    subjects = open_report_subjects(arguments.runs, arguments.device, arguments.depth)
    data, name = open_report_data(subjects, arguments.data, arguments.split)
    with ProgressDisplay("predict", len(data) * len(subjects), "images") as steps:
        scores = score_subjects(subjects, data, steps.advance)
    indices = choose_report_images(scores)
    with ProgressDisplay("draw", len(indices), "images") as steps:
        images = render_report_images(subjects, data, indices, steps.advance)
    content = ReportContent(subjects, scores, images, name, data.fingerprint, arguments.command_line, arguments.pairs)
    write_text(arguments.out, render_report(content))
    miou = {subject.name: each.evaluation.scores()["miou"] for subject, each in zip(subjects, scores, strict=True)}
    size = arguments.out.stat().st_size
    record = {"seglet": __version__, "out": str(arguments.out), "bytes": size, "images": len(data), "miou": miou}
    lines = [f"{name}: mIoU {100 * score:.2f} %" for name, score in miou.items()]
    lines += [f"{subject.name} {subject.warning}" for subject in subjects if subject.warning]
    lines.append(f"{arguments.out}: {size / 1e6:.2f} MB, {len(data)} images, {len(images)} shown; open it in a browser")
    print_result("\n".join(lines), record, arguments.json)
    return 0
