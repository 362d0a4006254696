"""`seglet world sheet`: scenes of the embedded world, and the effect of each of its options."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seglet.cli.parsing import whole_number
from seglet.engine.output_folder import check_writable

if TYPE_CHECKING:
    from PIL import Image

    from seglet.data.world.scene import Scene

_DESCRIPTION = """\
Draw scenes of the embedded world: images, masks, depth and dark images, and below them the same scenes with one option
changed at a time. With --data only that world is drawn:
  seglet world sheet --data world:one=0,two=0,clutter=12 --out crowded.png"""

_SETTINGS: Mapping[str, str] = {
    "co_occurrence=1": "each shape on its own background",
    "surprise=1": "colours and textures that are not typical of the shape",
    "one=0,two=0": "three objects in each scene",
    "smallest=0.15,largest=0.15": "small objects",
    "smallest=0.5,largest=0.5": "large objects",
    "clutter=16": "up to 16 blobs that belong to no class",
}
"""Options of the world, and their effect on scenes."""

_TITLE_HEIGHT = 18
"""Height of the title of a block, in pixels."""
_FORMATS: Mapping[str, str] = {".png": "PNG", ".jpg": "JPEG"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file of the sheet, .png or .jpg")
    parser.add_argument("--data", metavar="WORLD", help="a world by name, such as world:clutter=8")
    parser.add_argument("--scenes", type=whole_number(1, 100), default=8, help="scenes side by side (default 8)")
    parser.add_argument(
        "--height", type=whole_number(16, 1024), default=96, help="height of a scene in pixels (default 96)"
    )


def run(arguments: argparse.Namespace) -> int:
    from seglet.data.opening import names_world
    from seglet.files import replace_atomically

    data = arguments.data or "world"
    if not names_world(data):
        raise ValueError(f"--data expects a world by name, such as world:clutter=8, got {data!r}; see seglet data view")
    if arguments.out.suffix.lower() not in _FORMATS:
        raise ValueError(f"the sheet is a PNG or JPEG, but {str(arguments.out)!r} ends in neither .png nor .jpg")
    check_writable(arguments.out)
    blocks = [_draw_block(data, _draw_scenes(data, arguments), details=True)]
    for options, effect in _SETTINGS.items() if arguments.data is None else ():
        blocks.append(_draw_block(f"{options}: {effect}", _draw_scenes(f"world:{options}", arguments), details=False))
    with replace_atomically(arguments.out) as temporary:
        _stack_blocks(blocks).save(temporary, _FORMATS[arguments.out.suffix.lower()], quality=88)
    print(f"{arguments.scenes} scenes in each row are in {arguments.out}")
    return 0


def _draw_scenes(data: str, arguments: argparse.Namespace) -> "list[Scene]":
    """Draws the first scenes to train on, at the size of the sheet."""
    from seglet.data.world.options import open_world

    world = open_world(data, "train", scenes=arguments.scenes, size=arguments.height)
    return [world.scene(index) for index in range(len(world))]


def _draw_block(title: str, scenes: "list[Scene]", details: bool) -> "Image.Image":
    """Draws images in a row below a title, and with `details` their masks, depth and dark images in further rows."""
    import numpy as np
    from PIL import Image, ImageDraw

    from seglet.data.overlay import SHEET_GAP, SHEET_INK, SHEET_PAPER, colour_labels, contact_sheet
    from seglet.data.world.scene import WORLD_CLASSES

    rows = [[scene.image for scene in scenes]]
    if details:
        rows.append([colour_labels(scene.labels, WORLD_CLASSES) for scene in scenes])
        rows.append([np.repeat((255 * scene.depth).astype(np.uint8)[..., None], 3, axis=2) for scene in scenes])
        rows.append([scene.dark for scene in scenes])
    body = contact_sheet(rows, height=scenes[0].size)
    sheet = Image.new("RGB", (body.width, body.height + _TITLE_HEIGHT), SHEET_PAPER)
    ImageDraw.Draw(sheet).text((SHEET_GAP, 3), title, fill=SHEET_INK)
    sheet.paste(body, (0, _TITLE_HEIGHT))
    return sheet


def _stack_blocks(blocks: "Sequence[Image.Image]") -> "Image.Image":
    """Draws blocks below each other."""
    from PIL import Image

    from seglet.data.overlay import SHEET_PAPER

    sheet = Image.new("RGB", (max(b.width for b in blocks), sum(b.height for b in blocks)), SHEET_PAPER)
    top = 0
    for part in blocks:
        sheet.paste(part, (0, top))
        top += part.height
    return sheet
