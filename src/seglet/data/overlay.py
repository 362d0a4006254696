"""Sheets that show many images at once: labels in colour, legends, tags and value maps.

Axes: h rows, w columns.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from seglet.data.errors import DataError
from seglet.images import colour_palette
from seglet.types import Classes

SHEET_GAP = 4
SHEET_PAPER = (255, 255, 255)
SHEET_INK = (0, 0, 0)
_SWATCH = 14
_LONGEST_NAME = 22


def colour_labels(labels: UInt8[np.ndarray, "h w"], classes: Classes) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the labels in the colours of their classes, void in white."""
    return np.asarray(colour_palette(classes)[labels])


def class_legend(classes: Classes, width: int = 640) -> Image.Image:
    """Draws the name of each class beside its colour, wrapped to `width` pixels."""
    font = ImageFont.load_default()
    names = [*classes.names, "void"]
    shades = [*classes.colours, SHEET_PAPER]
    cell = _SWATCH + 3 * SHEET_GAP + max(int(font.getlength(_printable(name))) for name in names)
    columns = max(1, width // cell)
    rows = -(-len(names) // columns)
    sheet = Image.new("RGB", (max(width, cell), rows * (_SWATCH + SHEET_GAP) + SHEET_GAP), SHEET_PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, (name, shade) in enumerate(zip(names, shades, strict=True)):
        left, top = place % columns * cell + SHEET_GAP, place // columns * (_SWATCH + SHEET_GAP) + SHEET_GAP
        draw.rectangle((left, top, left + _SWATCH, top + _SWATCH), fill=shade, outline=SHEET_INK)
        draw.text((left + _SWATCH + SHEET_GAP, top + 1), _printable(name), fill=SHEET_INK, font=font)
    return sheet


def tag_card(tags: Sequence[int], classes: Classes, height: int = 160) -> UInt8[np.ndarray, "h w 3"]:
    """Draws the names of the tags, each beside its colour, to be shown in place of a mask."""
    rows = max(len(tags), 1)
    sheet = Image.new("RGB", (height, max(height, rows * (_SWATCH + SHEET_GAP) + SHEET_GAP)), SHEET_PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for place, label in enumerate(tags):
        top = place * (_SWATCH + SHEET_GAP) + SHEET_GAP
        draw.rectangle(
            (SHEET_GAP, top, SHEET_GAP + _SWATCH, top + _SWATCH), fill=classes.colours[label], outline=SHEET_INK
        )
        draw.text((2 * SHEET_GAP + _SWATCH, top + 1), _printable(classes.names[label]), fill=SHEET_INK, font=font)
    if not tags:
        draw.text((SHEET_GAP, SHEET_GAP), "no tag", fill=SHEET_INK, font=font)
    return np.array(sheet)


def contact_sheet(
    rows: Sequence[Sequence[UInt8[np.ndarray, "_ _ 3"]]], height: int = 160, footer: Image.Image | None = None
) -> Image.Image:
    """Draws the images of each row side by side at `height` pixels, one row below another, with a footer.

    Raises:
        DataError: there are no images.
    """
    scaled = [[_scaled(image, height) for image in row] for row in rows if len(row)]
    if not scaled:
        raise DataError("a contact sheet needs at least one image; the data set or the selection is empty")
    width = max(sum(image.width + SHEET_GAP for image in row) for row in scaled) + SHEET_GAP
    if footer is not None:
        width = max(width, footer.width)
    below = len(scaled) * (height + SHEET_GAP) + SHEET_GAP
    sheet = Image.new("RGB", (width, below + (footer.height if footer is not None else 0)), SHEET_PAPER)
    for line, row in enumerate(scaled):
        left = SHEET_GAP
        for image in row:
            sheet.paste(image, (left, SHEET_GAP + line * (height + SHEET_GAP)))
            left += image.width + SHEET_GAP
    if footer is not None:
        sheet.paste(footer, (0, below))
    return sheet


def scale_to_height(image: UInt8[np.ndarray, "h w 3"], height: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Returns the image resized to the height, as `contact_sheet` shows it."""
    return np.array(_scaled(image, height))


def _scaled(image: UInt8[np.ndarray, "h w 3"], height: int) -> Image.Image:
    width = round(image.shape[1] * height / image.shape[0])
    return Image.fromarray(image).resize((min(max(width, 1), 4 * height), height), Image.Resampling.BOX)


def _printable(name: str) -> str:
    """Shortens a name to the width of a column; letters that Pillow's own font lacks become question marks."""
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 2]}.."
    return short.encode("latin-1", "replace").decode("latin-1")


_RAMP = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], np.float64)
"""Colours from low to high: five stops of viridis, whose order survives grey-scale printing and colour blindness."""


def colour_values(values: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the values as colours from the lowest, dark, to the highest, bright; constant values are dark."""
    places = _unit(values) * (len(_RAMP) - 1)
    stops = np.arange(len(_RAMP))
    return np.stack([np.interp(places, stops, _RAMP[:, c]) for c in range(3)], axis=2).round().astype(np.uint8)


def _unit(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
