"""Sheet that explains the mask of an image: maps of each class at every stage, and the attention of some patches.

Axes: h rows, w columns, p and q rows and columns of patches, n = p q.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from seglet.data.overlay import SHEET_INK, SHEET_PAPER, colour_values, contact_sheet
from seglet.images import overlay_labels
from seglet.methods.protocols import Explanation
from seglet.types import Classes

CELL_HEIGHT = 112
"""Height of a cell's image, in pixels."""

CAPTION_HEIGHT = 16
"""Height of the caption above it."""

_MARK = (255, 0, 255)
"""Colour of the frame around the patch whose attention is shown."""

ImageArray = UInt8[np.ndarray, "_ _ 3"]


def explanation_sheet(
    image: ImageArray, labels: UInt8[np.ndarray, "_ _"], tags: Sequence[int], found: Explanation, classes: Classes
) -> Image.Image:
    """Returns a row of maps for each tagged class, then a row of attention for each of them and one more.

    Every map is coloured from its lowest value, dark, to its highest, bright. Patches are shown where the last map of
    a class is highest, and where all of them are lowest.
    """
    maps = {stage: np.stack([_numbers(value)[tag - 1] for tag in tags]) for stage, value in found.maps.items() if tags}
    rows = [[_captioned(image, "image"), _captioned(overlay_labels(image, labels, classes), "mask")]]
    for row, tag in enumerate(tags):
        rows.append([_captioned(image, classes.names[tag]), *_heat({stage: value[row] for stage, value in maps.items()},
                                                                   image.shape)])  # fmt: skip
    grid = next(iter(found.maps.values())).shape[2:]
    for name, patch in _patches(maps, tags, classes).items():
        attention = {stage: _numbers(value)[patch].reshape(grid) for stage, value in found.attention.items()}
        rows.append([_captioned(_marked(image, patch, (grid[0], grid[1])), name), *_heat(attention, image.shape)])
    return contact_sheet(rows, height=CELL_HEIGHT + CAPTION_HEIGHT)


def _patches(maps: Mapping[str, Float[np.ndarray, "k p q"]], tags: Sequence[int], classes: Classes) -> dict[str, int]:
    """Returns the patches to show, by caption."""
    if not maps:
        return {}
    last = list(maps.values())[-1]
    found = {f"at {classes.names[tag]}": int(one.argmax()) for tag, one in zip(tags, last, strict=True)}
    return {**found, "elsewhere": int(last.max(axis=0).argmin())}


def _numbers(values: Float[Tensor, "1 *rest"]) -> Float[np.ndarray, "*rest"]:
    return np.asarray(values[0].float().cpu().numpy())


def _heat(values: Mapping[str, Float[np.ndarray, "p q"]], size: tuple[int, ...]) -> list[ImageArray]:
    """Returns the maps in colours, as large as the image."""
    cells = []
    for stage, value in values.items():
        small = Image.fromarray(colour_values(value.astype(np.float64)))
        cells.append(_captioned(np.asarray(small.resize((size[1], size[0]), Image.Resampling.NEAREST)), stage))
    return cells


def _marked(image: ImageArray, patch: int, grid: tuple[int, int]) -> ImageArray:
    """Returns the image with a frame around one patch."""
    marked = Image.fromarray(image)
    row, column = divmod(patch, grid[1])
    down, across = image.shape[0] / grid[0], image.shape[1] / grid[1]
    box = (column * across, row * down, (column + 1) * across - 1, (row + 1) * down - 1)
    ImageDraw.Draw(marked).rectangle(box, outline=_MARK, width=max(1, round(min(image.shape[:2]) / 100)))
    return np.asarray(marked)


def _captioned(image: ImageArray, caption: str) -> ImageArray:
    """Returns the image at the height of all cells, below a caption; the font has Latin letters only."""
    width = max(1, round(image.shape[1] * CELL_HEIGHT / image.shape[0]))
    cell = Image.new("RGB", (width, CELL_HEIGHT + CAPTION_HEIGHT), SHEET_PAPER)
    cell.paste(Image.fromarray(image).resize((width, CELL_HEIGHT), Image.Resampling.BOX), (0, CAPTION_HEIGHT))
    text = caption.encode("latin-1", "replace").decode("latin-1")
    ImageDraw.Draw(cell).text((1, 2), text, fill=SHEET_INK, font=ImageFont.load_default())
    return np.asarray(cell)
