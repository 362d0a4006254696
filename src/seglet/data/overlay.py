"""Images of images: labels laid over images, a legend of colours, sheets to look many over at once.

Axes: h rows, w columns.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from seglet.data.errors import DataError
from seglet.images import palette
from seglet.types import Classes

GAP = 4
PAPER = (255, 255, 255)
INK = (0, 0, 0)
SWATCH = 14
LONGEST_NAME = 22


def colours(labels: UInt8[np.ndarray, "h w"], classes: Classes) -> UInt8[np.ndarray, "h w 3"]:
    """The labels in the colours of their classes, void in white."""
    return np.asarray(palette(classes)[labels])


def legend(classes: Classes, width: int = 640) -> Image.Image:
    """The name of each class beside its colour, wrapped to `width` pixels."""
    font = ImageFont.load_default()
    names = [*classes.names, "void"]
    shades = [*classes.colours, PAPER]
    cell = SWATCH + 3 * GAP + max(int(font.getlength(_printable(name))) for name in names)
    columns = max(1, width // cell)
    rows = -(-len(names) // columns)
    sheet = Image.new("RGB", (max(width, cell), rows * (SWATCH + GAP) + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, (name, shade) in enumerate(zip(names, shades, strict=True)):
        left, top = place % columns * cell + GAP, place // columns * (SWATCH + GAP) + GAP
        draw.rectangle((left, top, left + SWATCH, top + SWATCH), fill=shade, outline=INK)
        draw.text((left + SWATCH + GAP, top + 1), _printable(name), fill=INK, font=font)
    return sheet


def card(tags: Sequence[int], classes: Classes, height: int = 160) -> UInt8[np.ndarray, "h w 3"]:
    """The names of the tags, each beside its colour, as an image to stand where a mask would."""
    rows = max(len(tags), 1)
    sheet = Image.new("RGB", (height, max(height, rows * (SWATCH + GAP) + GAP)), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for place, label in enumerate(tags):
        top = place * (SWATCH + GAP) + GAP
        draw.rectangle((GAP, top, GAP + SWATCH, top + SWATCH), fill=classes.colours[label], outline=INK)
        draw.text((2 * GAP + SWATCH, top + 1), _printable(classes.names[label]), fill=INK, font=font)
    if not tags:
        draw.text((GAP, GAP), "no tag", fill=INK, font=font)
    return np.array(sheet)


def contact_sheet(
    rows: Sequence[Sequence[UInt8[np.ndarray, "_ _ 3"]]], height: int = 160, footer: Image.Image | None = None
) -> Image.Image:
    """The images of each row side by side at `height` pixels, rows below each other, and the footer under all.

    Raises:
        DataError: there is nothing to show.
    """
    scaled = [[_scaled(image, height) for image in row] for row in rows if len(row)]
    if not scaled:
        raise DataError("a contact sheet needs at least one image; the data set or the selection is empty")
    width = max(sum(image.width + GAP for image in row) for row in scaled) + GAP
    if footer is not None:
        width = max(width, footer.width)
    below = len(scaled) * (height + GAP) + GAP
    sheet = Image.new("RGB", (width, below + (footer.height if footer is not None else 0)), PAPER)
    for line, row in enumerate(scaled):
        left = GAP
        for image in row:
            sheet.paste(image, (left, GAP + line * (height + GAP)))
            left += image.width + GAP
    if footer is not None:
        sheet.paste(footer, (0, below))
    return sheet


def scaled(image: UInt8[np.ndarray, "h w 3"], height: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    """The image as `contact_sheet` shows it at that height."""
    return np.array(_scaled(image, height))


def _scaled(image: UInt8[np.ndarray, "h w 3"], height: int) -> Image.Image:
    width = round(image.shape[1] * height / image.shape[0])
    return Image.fromarray(image).resize((min(max(width, 1), 4 * height), height), Image.Resampling.BOX)


def _printable(name: str) -> str:
    """Cut to a column's width; Pillow's own font has Latin letters only, the rest are shown as question marks."""
    short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 2]}.."
    return short.encode("latin-1", "replace").decode("latin-1")


RAMP = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], np.float64)
"""Colours from low to high; five stops of viridis, which grey-scale printing and colour-blind eyes order alike."""


def coloured(values: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """From the lowest value, dark, to the highest, bright; one value alone is dark."""
    places = _unit(values) * (len(RAMP) - 1)
    stops = np.arange(len(RAMP))
    return np.stack([np.interp(places, stops, RAMP[:, c]) for c in range(3)], axis=2).round().astype(np.uint8)


def _unit(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
