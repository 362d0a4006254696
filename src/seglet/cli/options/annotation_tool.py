"""What a command that writes for a labelling tool can be told."""

import argparse
from pathlib import Path

TOOLS = ("coco", "labelme", "cvat", "label-studio")
"""Those of `seglet.data.label_tools`, which takes long to import."""


def add_tool(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tool", choices=TOOLS, required=True, help="who is going to read it")
    parser.add_argument(
        "--form", choices=["polygons", "masks"], help="how regions are written (polygons; masks for Label Studio)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for the results")
    parser.add_argument("--overwrite", action="store_true", help="throw the earlier results in --out away")
