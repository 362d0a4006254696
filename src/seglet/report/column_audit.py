"""Audits of columns: a page without scripts or links, or one image, that shows the values of some images.

Axes: h rows, w columns, c channels.
"""

import base64
import html
import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from seglet.data.columns.columned_dataset import ColumnedDataset, value_address
from seglet.data.columns.kinds import ColumnKind, ColumnValue
from seglet.data.columns.recipe import ColumnRecipe
from seglet.data.columns.store import ColumnStore
from seglet.data.dataset import Dataset
from seglet.data.errors import DataError
from seglet.data.overlay import _unit, colour_values, contact_sheet
from seglet.files import replace_atomically, write_text
from seglet.images import colour_palette
from seglet.models.foundation.captions import count_captions
from seglet.types import IGNORE, Classes

_SMALLEST = 128
"""Least height of images on the page, in pixels."""


_HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Columns</title>
<style>body{font:14px sans-serif;margin:1em}td,th{padding:4px;vertical-align:top;text-align:left;max-width:24em;
overflow-wrap:anywhere}img{image-rendering:pixelated}</style>
"""

AuditCell = UInt8[np.ndarray, "_ _ 3"] | str
"""ColumnValue of a column as an image or as text."""


@dataclass(frozen=True)
class AuditRow:
    """An image with its columns as they are shown."""

    id: str
    image: UInt8[np.ndarray, "h w 3"]
    columns: tuple[AuditCell, ...]


def audit_files(path: Path) -> list[Path]:
    """Returns the files of an audit: the one that is named, or a page and an image in a folder.

    Raises:
        ValueError: a file of another kind is named.
    """
    if path.suffix.lower() in (".html", ".htm", ".png"):
        return [path]
    if path.suffix and not path.is_dir():
        raise ValueError(f"an audit is a .html page or a .png sheet, not {path.name!r}; or name a folder for both")
    return [path / "columns.html", path / "columns.png"]


def write_audit(files: Sequence[Path], data: Dataset, stores: Sequence[ColumnStore], count: int) -> list[str]:
    """Writes an audit of `count` images, spread over the data; returns what columns lack and statistics of texts."""
    rows = audit_rows(data, stores, count)
    counted = [
        f"{name}: {lacking} of {len(data)} images lack it; run `seglet prepare`"
        for name, lacking in ColumnedDataset(data, stores).missing().items()
    ]
    counted += [line for store in stores if store.recipe.kind == "text" for line in text_statistics(data, store)]
    for file in files:
        if file.suffix.lower() == ".png":
            with replace_atomically(file) as temporary:
                audit_sheet(rows).save(temporary, "PNG")
        else:
            write_text(file, audit_page(rows, [store.recipe for store in stores], counted))
    return counted


def text_statistics(data: Dataset, store: ColumnStore) -> list[str]:
    """Returns a line on how many texts of a column are empty or junk; no line if no image has texts."""
    columned, name = ColumnedDataset(data, [store]), store.recipe.name
    there = store.contents().locations
    found = [columned.texts(i)[name] for i in range(len(data)) if value_address(data, i, store) in there]
    return [f"{name}: {count_captions(found)}"] if found else []


def audit_rows(data: Dataset, stores: Sequence[ColumnStore], count: int) -> list[AuditRow]:
    """Reads `count` images, spread over the data, with their columns."""
    columned = [ColumnedDataset(data, [store]) for store in stores]
    rows = []
    for index in sorted({round(place) for place in np.linspace(0, len(data) - 1, count)}):
        sample = data.read(index)
        pairs = zip(columned, stores, strict=True)
        shown = tuple(_cell(one, store.recipe, index, data.classes) for one, store in pairs)
        rows.append(AuditRow(sample.id, sample.image, shown))
    return rows


def _cell(data: ColumnedDataset, recipe: ColumnRecipe, index: int, classes: Classes) -> AuditCell:
    try:
        sample = data.read(index)
    except DataError as error:
        return f"missing: {error}"
    value: ColumnValue = sample.texts[recipe.name] if recipe.kind == "text" else sample.columns[recipe.name]
    return render_value(value, recipe.kind, classes)


def render_value(value: ColumnValue, kind: ColumnKind, classes: Classes) -> AuditCell:
    """Renders a value as an image or as text.

    Maps are colour_values from low to high; of many channels the first three principal components are shown.
    """
    if not isinstance(value, np.ndarray):
        return "\n".join(value) or "(no text)"
    if kind in ("vector", "sequence") or not value.size:
        return _words(value)
    if value.ndim > 3:
        value = value.reshape(*value.shape[:2], -1)
    if value.ndim == 2 or value.shape[2] == 1:
        flat = value.reshape(value.shape[:2])
        labels = flat.dtype == np.uint8 and kind == "image" and bool(((flat < len(classes)) | (flat == IGNORE)).all())
        return np.asarray(colour_palette(classes)[flat]) if labels else colour_values(flat.astype(np.float64))
    if value.dtype == np.uint8 and value.shape[2] == 3:
        return value
    return principal_colours(value.astype(np.float64))


def principal_colours(values: Float[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h w 3"]:
    """Renders the first three principal components of the tokens of a grid as red, green and blue."""
    tokens = values.reshape(-1, values.shape[2])
    tokens = tokens - tokens.mean(axis=0)
    _, directions = np.linalg.eigh(tokens.T @ tokens)
    scores = tokens @ directions[:, ::-1][:, :3]
    out = np.zeros((len(tokens), 3))
    for channel in range(scores.shape[1]):
        out[:, channel] = _unit(scores[:, channel])
    return (255 * out.reshape(*values.shape[:2], 3)).round().astype(np.uint8)


def audit_page(rows: Sequence[AuditRow], recipes: Sequence[ColumnRecipe], counted: Sequence[str] = ()) -> str:
    """Returns the audit as HTML that needs no other file; all text from data is escaped."""
    titles = "".join(f"<th>{html.escape(recipe.name)}" for recipe in recipes)
    about = "".join(
        f"<p>{html.escape(recipe.name)}: {recipe.kind} by {html.escape(recipe.maker)}, weights "
        f"{html.escape(recipe.identity or 'none')}, settings {html.escape(repr(dict(recipe.settings)))}, "
        f"key {recipe.key}</p>\n"
        for recipe in recipes
    )
    about += "".join(f"<p>{html.escape(line)}</p>\n" for line in counted)
    lines = ["<tr><td>" + "<td>".join(map(_html, (row.id, row.image, *row.columns))) for row in rows]
    return f"{_HEAD}{about}<table><tr><th>id<th>image{titles}\n" + "\n".join(lines) + "\n</table></html>\n"


def audit_sheet(rows: Sequence[AuditRow]) -> Image.Image:
    """Returns the audit as one image."""
    return contact_sheet(
        [[row.image, *(_card(shown) if isinstance(shown, str) else shown for shown in row.columns)] for row in rows]
    )


def _html(shown: AuditCell) -> str:
    if isinstance(shown, str):
        return html.escape(shown).replace("\n", "<br>")
    return _image(shown)


def _image(image: UInt8[np.ndarray, "h w 3"]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG")
    height = max(_SMALLEST, min(image.shape[0], 2 * _SMALLEST))
    return f'<img height="{height}" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'


def _card(words: str, side: int = 160) -> UInt8[np.ndarray, "h w 3"]:
    """Draws text as an image; the font has Latin letters only."""
    lines = [line for part in words.split("\n") for line in textwrap.wrap(part, 25) or [""]]
    card = Image.new("RGB", (side, side), (255, 255, 255))
    text = "\n".join(lines[:12]).encode("latin-1", "replace").decode("latin-1")
    ImageDraw.Draw(card).multiline_text((4, 4), text, fill=(0, 0, 0), font=ImageFont.load_default())
    return np.array(card)


def _words(value: np.ndarray) -> str:
    shape = " x ".join(map(str, value.shape)) or "one"
    if not value.size:
        return f"{shape} numbers"
    numbers = value.astype(np.float64)
    return f"{shape} numbers, {numbers.min():.3g} to {numbers.max():.3g}, mean {numbers.mean():.3g}"
