"""`seglet compare`: predictions of several segmenters for the same images, as one sheet."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet._version import __version__
from seglet.cli.options.inference import add_inference_options, read_inference_options
from seglet.cli.options.limits import add_max_pixels, read_max_pixels
from seglet.cli.output import print_result
from seglet.cli.parsing import Parser, add_json, positive_fraction, whole_number
from seglet.engine.output_folder import check_writable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seglet.inference.inputs import ImageFile
    from seglet.results.comparison import SheetRow
    from seglet.types import Classes

_DESCRIPTION = """\
Draw one sheet: a row of images, and below it a row of predictions for each segmenter. Images need no masks, so the
sheet shows where segmenters differ, but not which is right. A segmenter in quotes may be followed by inference options
of `seglet predict`:
  seglet compare runs/day runs/night --images DARK --out sheet.png
  seglet compare runs/day "runs/day --brighten clahe" runs/night --images DARK --show-brightened gamma --out sheet.png
An image that cannot be read is reported and skipped."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="a run's folder, a segmenter's, or either with options"
    )
    parser.add_argument("--images", type=Path, nargs="+", required=True, help="images, folders or lists (.txt)")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG", help="file of the sheet")
    parser.add_argument(
        "--most",
        type=whole_number(1, 10_000),
        default=24,
        help="largest number of images, spread over all (default 24)",
    )
    parser.add_argument("--columns", type=whole_number(1, 100), default=8, help="images side by side (default 8)")
    parser.add_argument(
        "--height", type=whole_number(16, 1024), default=96, help="height of an image in pixels (default 96)"
    )
    parser.add_argument(
        "--show-brightened", metavar="METHOD", help="also show the images brightened by a --method of `seglet enhance`"
    )
    add_max_pixels(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.inference.brighten import find_enhancer
    from seglet.inference.inputs import gather_images
    from seglet.results.comparison import SheetLayout, UnlabelledImages, draw_comparison

    if arguments.out.suffix.lower() != ".png":
        raise ValueError(f"expected --out to end in .png, got {arguments.out.name!r}")
    check_writable(arguments.out)
    rows = {text: _sheet_row(text) for text in arguments.models}
    classes = _common_classes(rows)
    images, failed = _readable(
        spread_evenly(gather_images(arguments.images, arguments.out, read_max_pixels(arguments)), arguments.most)
    )
    if not images:
        raise ValueError(f"none of the images can be read, such as {failed[0]['source']}: {failed[0]['reason']}")
    brighten = None if arguments.show_brightened is None else find_enhancer(arguments.show_brightened)
    layout = SheetLayout(len(images), arguments.columns, arguments.height, brighten)
    names = draw_comparison(rows, UnlabelledImages(images, classes), arguments.out, layout)
    content: dict[str, Any] = {"seglet": __version__, "out": str(arguments.out), "rows": names}
    content |= {"images": [str(image.path) for image in images], "failed": failed}
    lines = [f"{len(images)} images are in {arguments.out}; rows: {', '.join(names)}"]
    lines += [f"failed: {failure['source']}\n    {failure['reason']}" for failure in failed]
    print_result("\n".join(lines), content, arguments.json)
    return 2 if failed else 0


def _sheet_row(text: str) -> "SheetRow":
    """Returns the row of a segmenter that is named in `text`, alone or with inference options behind it.

    Raises:
        ValueError: there is no such segmenter, or what follows it is no inference option.
    """
    from seglet.inference.models import model_folder
    from seglet.results.comparison import SheetRow

    source, *words = [text] if Path(text).exists() else shlex.split(text) or [text]
    parser = Parser("compare")
    parser.add_argument("--resize", type=positive_fraction, default=1.0)
    add_inference_options(parser)
    return SheetRow(model_folder(source), read_inference_options(parser.read(words)))


def _common_classes(rows: "Mapping[str, SheetRow]") -> "Classes":
    """Returns the classes that all segmenters have.

    Raises:
        ValueError: two segmenters have different classes.
    """
    from seglet.inference.models import check_classes
    from seglet.models.segmenter import load

    first, *others = rows
    classes = load(rows[first].predictor).classes
    for other in others:
        try:
            check_classes(classes, load(rows[other].predictor).classes)
        except ValueError as error:
            raise ValueError(f"{first} and {other} cannot be compared: {error}") from error
    return classes


def spread_evenly(images: "list[ImageFile]", most: int) -> "list[ImageFile]":
    """Returns at most `most` of the images, evenly spread over all."""
    count = min(most, len(images))
    return [images[index * len(images) // count] for index in range(count)]


def _readable(images: "list[ImageFile]") -> "tuple[list[ImageFile], list[dict[str, str]]]":
    """Divides the images into those that can be read, and file and reason of those that cannot."""
    readable, failed = [], []
    for image in images:
        try:
            image.read()
            readable.append(image)
        except (ValueError, OSError) as error:
            failed.append({"source": str(image.path), "reason": str(error)})
    return readable, failed
