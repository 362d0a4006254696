"""Options of commands that write for a labelling tool."""

import argparse
from pathlib import Path

ANNOTATION_TOOLS = ("coco", "labelme", "cvat", "label-studio")
"""Tools of `seglet.data.label_tools`, whose import takes long."""


def add_tool_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options --tool, --form, --out and --overwrite."""
    parser.add_argument("--tool", choices=ANNOTATION_TOOLS, required=True, help="labelling tool to write for")
    parser.add_argument(
        "--form", choices=["polygons", "masks"], help="form of regions (polygons; masks for Label Studio)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for the results")
    parser.add_argument("--overwrite", action="store_true", help="delete the earlier results in --out")
