"""`seglet data pair`: gives images the masks and tags of the same images in another light."""

import argparse
from pathlib import Path

from seglet.cli.output import print_result
from seglet.cli.parsing import add_json

_DESCRIPTION = """\
Give the images of OTHER the masks and tags of their partners in ANNOTATED, which show the same pixels in another light.
Names are compared, with their last number moved by --offset: in LIS 1.png by day is the partner of 2.JPG at night, so
  seglet data pair LIS/RGB-dark LIS/RGB-normal --offset -1
lets a teacher be trained by day. The description of OTHER names its images as ANNOTATED does, so that from then on both
are paired without an offset; files stay as they are. Partners without an image and sizes that differ are errors."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("annotated", type=Path, metavar="ANNOTATED", help="data set with masks or tags")
    parser.add_argument("other", type=Path, metavar="OTHER", help="folder of the same images in another light")
    parser.add_argument(
        "--offset", type=int, default=0, help="number in the name in OTHER minus that in ANNOTATED (default 0)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="file of the description (OTHER/dataset.json)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.data.folder_dataset import save_description
    from seglet.data.partner_annotation import annotate_partner

    description = annotate_partner(arguments.annotated, arguments.other, arguments.offset)
    file = arguments.out
    if file is None:
        file = save_description(description, arguments.other)
    else:
        description.save(file)
    sizes = {name: len(items) for name, items in description.splits.items()}
    text = ", ".join(f"{name}: {size} pairs" for name, size in sizes.items())
    lines = [text, f"the description of the images in {arguments.other} is in {file}"]
    print_result("\n".join(lines), {"splits": sizes, "description": str(file)}, arguments.json)
    return 0
