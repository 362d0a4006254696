"""`seglet data import`: masks from the export of a labelling tool."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seglet.cli.options.limits import add_max_pixels, read_max_pixels
from seglet.cli.output import print_result
from seglet.cli.parsing import UsageError, add_json

if TYPE_CHECKING:
    from seglet.data.label_tools.sparse import SparseReading
    from seglet.inference.import_masks import ImportReport

_MOST_PENDING = 10
_DESCRIPTION = """\
Make masks from the export of a labelling tool: COCO instances, LabelMe, CVAT for images or video 1.1, Label Studio's
JSON, Supervisely, Datumaro, YOLO's outlines or a CSV of shapes. The format is recognised by its content. Classes are
those of --classes, of a classes.txt beside the export, or those that the tool lists. An account says what became of
every shape.
  seglet data import annotations.xml --images IMAGES --out DIR
  seglet data import points.csv --images IMAGES --sparse --out DIR     # pixels that nobody named are void
  seglet data check DIR"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("source", type=Path, metavar="FILE|DIR", help="export of the tool")
    parser.add_argument("--images", type=Path, metavar="DIR", help="folder of the images (those beside the export)")
    parser.add_argument("--classes", type=Path, metavar="FILE", help="names of the classes in order")
    parser.add_argument(
        "--unlabelled",
        choices=["background", "void"],
        help="label of pixels in no region (background, if there is such a class)",
    )
    parser.add_argument(
        "--crowds",
        choices=["void", "objects"],
        help="what COCO's crowds (iscrowd 1) are (void, unless there is nothing else: then say it)",
    )
    parser.add_argument("--sparse", action="store_true", help="draw points, lines and boxes; the rest becomes void")
    parser.add_argument("--radius", type=_size, metavar="PIXELS", help="with --sparse: radius of points (3)")
    parser.add_argument("--width", type=_size, metavar="PIXELS", help="with --sparse: width of lines (5)")
    parser.add_argument(
        "--core", type=_size, metavar="SHARE", help="with --sparse: share of a box that is its class, not void (0.2)"
    )
    parser.add_argument("--fill-boxes", action="store_true", help="with --sparse: drawn rectangles are whole regions")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for images and masks")
    add_max_pixels(parser)
    add_json(parser)


def _size(text: str) -> float:
    """Reads an argument that is a number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text!r}")
    return number


def _sparse_reading(arguments: argparse.Namespace) -> "SparseReading | None":
    """Returns how sparse shapes are drawn, None without --sparse.

    Raises:
        UsageError: an option needs --sparse.
    """
    from seglet.data.label_tools.sparse import SparseReading

    given = {name: getattr(arguments, name) for name in ("radius", "width", "core")}
    sizes = {name: value for name, value in given.items() if value is not None}
    if not arguments.sparse:
        if sizes or arguments.fill_boxes:
            raise UsageError("--radius, --width, --core and --fill-boxes say how --sparse draws; add it")
        return None
    return SparseReading(**sizes, filled=arguments.fill_boxes)


def run(arguments: argparse.Namespace) -> int:
    from seglet.inference.import_masks import ImportOptions, import_masks

    out: Path = arguments.out
    options = ImportOptions(
        arguments.images,
        arguments.classes,
        arguments.unlabelled,
        arguments.crowds or "ask",
        read_max_pixels(arguments),
        _sparse_reading(arguments),
    )
    report = import_masks(arguments.source, out, options)
    content = {"tool": report.tool, "masks": report.masks, "classes": list(report.classes.names), "out": str(out)}
    content |= {"regions": report.regions, "passed_over": report.passed_over, "remarks": report.remarks}
    content |= {"sparse": report.sparse}
    lines = [f"{report.tool}: {report.masks} masks of {len(report.classes)} classes, {len(report.failed)} failed"]
    lines += [f"  {failure['source']}\n    {failure['reason']}" for failure in report.failed]
    lines += _account(report)
    check = f"seglet data check {out}" if report.has_images else f"seglet data check IMAGES --masks {out / 'masks'}"
    lines += [f"masks are in {out / 'masks'}", f"next: {check}"] if report.masks else ["no mask was written"]
    print_result("\n".join(lines), {**content, "failed": report.failed, "pending": report.pending}, arguments.json)
    return 2 if report.failed or not report.masks else 0


def _account(report: "ImportReport") -> list[str]:
    """Returns lines that say what became of everything in the export."""
    from seglet.inference.import_masks import kind_counts

    lines = [f"drawn: {report.regions} regions"]
    if report.sparse:
        lines.append(f"drawn sparsely: {kind_counts(report.sparse)}")
    if report.passed_over:
        lines.append(f"passed over, as no pixel is known to be theirs: {kind_counts(report.passed_over)}")
    if report.remarks:
        lines.append(f"to be known: {kind_counts(report.remarks)}")
    if report.pending:
        lines.append(f"without annotation, and so without a mask: {len(report.pending)}")
        shown = report.pending[:_MOST_PENDING]
        lines += [f"  {one['source']}: {one['reason']}" for one in shown]
        lines += [f"  and {len(report.pending) - len(shown)} more"] if len(shown) < len(report.pending) else []
    return lines
