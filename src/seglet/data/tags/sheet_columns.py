"""Columns of a sheet of tags: the image, and its tags or one column of yes and no per class."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from seglet.data.errors import DataError
from seglet.data.files import IMAGE_SUFFIXES

Row = list[str]
"""Cells of a row, stripped of blanks."""

_IMAGES = frozenset({
    "image", "images", "img", "picture", "photo", "file", "filename", "filenames", "path", "imageid", "imagename",
    "imagepath", "imagefile", "imageindex", "imgname", "imgpath", "imgid", "filepath", "frame", "photoname", "photoid",
})  # fmt: skip
_PERHAPS_IMAGES = frozenset({"name", "id"})
_TAGS = frozenset({"tag", "tags", "label", "labels", "class", "classes", "category", "categories"})
_TAG_NAMES = frozenset({*(f"{word}name" for word in _TAGS), *(f"{word}id" for word in _TAGS), *_TAGS, "species"})
_OTHERS = frozenset({
    "width", "height", "w", "h", "x", "y", "x1", "x2", "y1", "y2", "xmin", "ymin", "xmax", "ymax", "xcenter", "ycenter",
    "bbox", "area", "depth", "size", "split", "set", "subset", "fold", "usage", "partition", "phase", "confidence",
    "conf", "score", "prob", "probability", "weight", "date", "time", "timestamp", "datetime", "url", "source",
    "author", "annotator", "user", "comment", "comments", "note", "notes", "remark", "remarks", "description", "lat",
    "lon", "latitude", "longitude", "patient", "patientid", "age", "sex", "gender", "id", "index", "unnamed0", "md5",
    "hash", "sha1", "sha256", "difficult", "truncated", "occluded", "iscrowd", "count", "instances",
})  # fmt: skip
"""Headings of columns that are no classes, whatever their cells hold."""
BITS: Mapping[str, bool] = {
    **dict.fromkeys(("", "0", "0.0", "false", "f", "no", "n", "nan", "none", "null", "na", "n/a", "-", "nein"), False),
    **dict.fromkeys(("1", "1.0", "true", "t", "yes", "y", "x", "+", "ja", "\u2713", "\u2714"), True),
}
"""Words, in lower case, that say whether a class is in an image."""


@dataclass(frozen=True)
class SheetColumns:
    """Places of the image and of its tags or, instead of tags, of the yes and no of each class."""

    image: int
    tags: tuple[int, ...] = ()
    classes: Mapping[int, str] = field(default_factory=dict)
    width: int = 0
    """Number of headings, 0 without a heading."""


def split_heading(rows: Sequence[Row]) -> tuple[Row | None, list[Row]]:
    """Returns the heading, or None, and the rows below it.

    A heading has a word for the image or the tags; or the cells below it are names of images, or all yes and no.
    """
    if not rows:
        return None, []
    first, body = rows[0], list(rows[1:])
    words = [_word(cell) for cell in first]
    named = words[0] in _IMAGES | _PERHAPS_IMAGES or any(map(_is_heading, words[1:]))
    titled = not any(_is_image(cell) or is_number(cell) for cell in first)
    below = any(all(len(row) > place and _is_image(row[place]) for row in body) for place in range(len(first)))
    cells = [cell for row in body for cell in row[1:]]
    bits = len(first) > 1 and any(cells) and all(is_number(cell) or cell.lower() in BITS for cell in cells)
    heading = titled and (named or (bool(body) and (below or bits)))
    return (first, body) if heading else (None, list(rows))


def columns_below(heading: Row, body: Sequence[Row]) -> SheetColumns:
    """Returns the columns below a heading; where one is called tags, labels or class, no other counts.

    Raises:
        DataError: several columns could hold the tags, or none, or a column of a class holds other than yes and no.
    """
    while heading and not heading[-1]:
        heading = heading[:-1]
    words = [_word(cell) for cell in heading]
    columns = [[row[place] if place < len(row) else "" for row in body] for place in range(len(heading))]
    image = _image_column(words, columns)
    named_so = [place for place, word in enumerate(words) if place != image and _is_tag_word(word)]
    tags = _tag_columns(named_so, words, columns)
    rest = [place for place, word in enumerate(words) if place != image and word and word not in _OTHERS]
    if not tags and rest and not any(_are_bits(columns[place]) for place in rest):
        texts = [place for place in rest if not all(is_number(cell) for cell in columns[place])]
        if len(texts) > 1:
            shown = " and ".join(repr(heading[place]) for place in texts[:3])
            raise DataError(f"columns {shown} could all hold tags; call the one that does `tags`")
        tags = tuple(texts)
    if tags:
        return SheetColumns(image, tags, width=len(heading))
    if not rest and len(words) > 1 and body:
        raise DataError(f"no column of {', '.join(map(repr, heading))} holds tags; call the one that does `tags`")
    classes = {place: heading[place] for place in rest}
    _check_bits(body, image, classes, len(heading))
    if twice := [name for name in classes.values() if list(classes.values()).count(name) > 1]:
        raise DataError(f"two columns are called {twice[0]!r}; keep one of them")
    return SheetColumns(image, (), classes, len(heading))


def columns_without_heading(rows: Sequence[Row]) -> SheetColumns:
    """Returns the columns of rows of an image and its tags.

    Raises:
        DataError: a column holds numbers and another names, or the cells are yes and no; only a heading could tell.
    """
    width = max((len(row) for row in rows), default=1)
    columns = [[row[place] for row in rows if place < len(row)] for place in range(width)]
    image = next((place for place in range(width) if columns[place] and all(map(_is_image, columns[place]))), 0)
    others = {place: [cell for cell in cells if cell] for place, cells in enumerate(columns) if place != image}
    filled = [cells for cells in others.values() if cells]
    numbers = [cells for cells in filled if all(map(is_number, cells))]
    bits = all(cell.lower() in BITS for cells in filled for cell in cells)
    if 0 < len(numbers) < len(filled) or (bits and (len(filled) > 1 or (filled and not numbers))):
        kinds = "yes and no" if bits else "numbers beside names"
        raise DataError(f"the row of {rows[0][image]!r} holds {kinds}; write a first row that names the columns")
    return SheetColumns(image, tuple(others))


def is_number(cell: str) -> bool:
    """True for a whole or decimal number."""
    return re.fullmatch(r"[-+]?\d*\.?\d+(e[-+]?\d+)?", cell.lower()) is not None


def _image_column(words: Sequence[str], columns: Sequence[Sequence[str]]) -> int:
    """Returns the place of the images: by the heading, by names of image files, or else the first."""
    for known in (_IMAGES, None, _PERHAPS_IMAGES):
        for place, word in enumerate(words):
            files = bool(columns[place]) and all(map(_is_image, columns[place]))
            if files if known is None else word in known:
                return place
    return 0


def _tag_columns(named: Sequence[int], words: Sequence[str], columns: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """Returns the columns of tags among those named so: numbered ones together, names rather than numbers.

    Raises:
        DataError: several differ.
    """
    texts = [place for place in named if not all(is_number(cell) or not cell for cell in columns[place])]
    places = texts or list(named)
    bases = {words[place].rstrip("0123456789") for place in places}
    if len(bases) > 1 and len({tuple(columns[place]) for place in places}) > 1:
        shown = " and ".join(repr(words[place]) for place in places)
        raise DataError(f"columns {shown} could both hold tags; call the one that does `tags`, and rename the others")
    return tuple(places) if len(bases) == 1 else tuple(places[:1])


def _check_bits(body: Sequence[Row], image: int, classes: Mapping[int, str], width: int) -> None:
    for row in body:
        wrong = [(place, row[place]) for place in classes if place < len(row) and row[place].lower() not in BITS]
        if wrong:
            place, cell = wrong[0]
            cure = "write 1 where the class is there, else 0; or call the column with tags `tags`"
            raise DataError(f"the row of {row[image]!r} holds {cell!r} under {classes[place]!r}; {cure}")
        if any(row[width:]):
            raise DataError(f"the row of {row[image]!r} has {len(row)} cells under {width} headings; correct it")


def _are_bits(cells: Collection[str]) -> bool:
    return any(cells) and all(cell.lower() in BITS for cell in cells)


def _is_image(cell: str) -> bool:
    return cell.lower().endswith(tuple(IMAGE_SUFFIXES))


def _word(cell: str) -> str:
    return re.sub(r"[\W_]", "", cell.lower())


def _is_heading(word: str) -> bool:
    """True for words that hardly stand for a class: those for images, and for tags with or without a number."""
    return word in _IMAGES or word.rstrip("0123456789") in _TAG_NAMES


def _is_tag_word(word: str) -> bool:
    """True for `label`, `class name`, `label 2` and other words that end in one for tags, such as `finding labels`."""
    plain = word.rstrip("0123456789")
    return plain in _TAG_NAMES or plain.endswith(("labels", "tags", "classes"))
