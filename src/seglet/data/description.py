"""Descriptions of checked data sets: classes, splits and the coding of masks, stored as `dataset.json`.

Axes: h rows, w columns.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from jaxtyping import Integer, UInt8

from seglet.data.class_table import (
    MAX_ID,
    ClassTable,
    classes_of,
    entry_from_json,
    pack_colours,
    train_colours,
    train_ids,
    unpack_colour,
)
from seglet.data.description_files import write_description
from seglet.data.errors import DataError
from seglet.files import check_seal, content_hash, json_text, read_bytes, sealed
from seglet.images import MAX_PIXELS, WhiteLevels, read_image, read_mask, white_levels_from_json
from seglet.images.value_range import Channel, channels_from_json
from seglet.types import IGNORE, Classes
from seglet.values import choose_from

if TYPE_CHECKING:
    from seglet.images.channels import ChannelImage

MaskCoding = Literal["index", "colour", "binary_255"]
"""Masks hold ids (`index`), colours, or 0 and 255, where 255 is an object and not void."""
WHOLE_SPLIT = "all"
"""Name of the split that holds all images of a data set without splits."""
_DIVIDE = "`seglet data check DIR --val 0.2` makes train and val of it, or name the split that there is"
SIXTEEN_BITS = WhiteLevels(integers=65535)
"""White levels of a description that states none."""
_VERSION = 1
_UNKNOWN = -1


@dataclass(frozen=True)
class ImageItem:
    """Paths of an image and its mask, if it has one, with the hashes of their content (empty before a check).

    `tags` are the sorted train ids of a tag file, without background, or None where there are none.
    """

    id: str
    image: Path
    mask: Path | None = None
    image_hash: str = ""
    mask_hash: str = ""
    tags: tuple[int, ...] | None = None


@dataclass(frozen=True)
class TagOrigin:
    """Source and form of tags; `hash` is that of the file, and empty if they come from a folder or from masks."""

    form: str
    source: Path
    hash: str = ""

    def check_unchanged(self) -> None:
        """Checks that the tag file is the one that was read; it may be deleted, as the description holds the tags.

        Raises:
            DataError: the content of the file changed.
        """
        if self.hash and self.source.is_file() and content_hash(read_bytes(self.source)) != self.hash:
            raise DataError(
                f"tags {str(self.source)!r} changed since the data were checked; run `seglet data check` again"
            )


@dataclass(frozen=True)
class Description:
    """Everything needed to read a data set without searching its folders.

    `stray` is the share of a mask's pixels, in [0, 1], that may have a colour or id of no class; they become IGNORE.
    With a `threshold`, masks are greys, also of JPEG: those below are read as 0 and all others as 255. `whites` are the
    stored values that become white in all images of more than 8 bits a channel; None if there is no such image, or the
    description is of 0.1.0, which scaled 16 bits. With `channels` the images hold these and no colours.
    """

    root: Path
    layout: str
    entries: ClassTable
    splits: Mapping[str, tuple[ImageItem, ...]]
    coding: MaskCoding = "index"
    stray: float = 0.0
    max_pixels: int = field(default=MAX_PIXELS)
    tags: TagOrigin | None = None
    threshold: int | None = None
    whites: WhiteLevels | None = None
    channels: tuple[Channel, ...] | None = None

    @cached_property
    def classes(self) -> Classes:
        """Classes in the order of their train ids."""
        return classes_of(self.entries)

    def items(self, split: str) -> tuple[ImageItem, ...]:
        """Returns the items of a split.

        Raises:
            DataError: there is no such split; lists those there are.
        """
        if split not in self.splits:
            sizes = {name: len(items) for name, items in self.splits.items()}
            there = ", ".join(f"{name} ({size})" for name, size in sizes.items())
            cure = _DIVIDE if list(sizes) == [WHOLE_SPLIT] else choose_from(split, sizes)
            raise DataError(f"{str(self.root)!r} holds no split {split!r}, only {there}; {cure}")
        return self.splits[split]

    def labels(self, mask: Integer[np.ndarray, "h w *rgb"], file: str | Path) -> UInt8[np.ndarray, "h w"]:
        """Returns the train ids of the values of a mask; `file` only names it in errors.

        Ids may be repeated in three channels.

        Raises:
            DataError: its coding differs, or more pixels than `stray` allows have values of no class; names some.
        """
        if mask.ndim == 3 and self.coding != "colour" and (mask == mask[..., :1]).all():
            mask = mask[..., 0]
        if self.threshold is not None and mask.ndim == 2:
            mask = np.where(mask < self.threshold, 0, IGNORE).astype(np.uint8)
        if (mask.ndim == 3) != (self.coding == "colour"):
            kinds = ("colours", "ids") if mask.ndim == 3 else ("ids", "colours")
            raise DataError(
                f"mask {str(file)!r} holds {kinds[0]}, but this data set's masks hold {kinds[1]}; export it again"
            )
        found = self._look_up(mask)
        if found.size and found.min() == _UNKNOWN:
            unknown = found == _UNKNOWN
            if unknown.mean() > self.stray:
                raise DataError(_unknown_values(mask, unknown, str(file), self.coding))
            found[unknown] = IGNORE
        return found.astype(np.uint8)

    def read_image(self, item: ImageItem) -> UInt8[np.ndarray, "h w 3"]:
        """Reads the image of an item, scaled by the range that the images of the data set share.

        Raises:
            DataError: the image cannot be read or changed since the check.
        """
        return read_image(item.image, self.max_pixels, item.image_hash, self.whites or SIXTEEN_BITS)

    def read_channels(self, item: ImageItem) -> "ChannelImage":
        """Reads the stored values of an image of channels, and where it holds any.

        Raises:
            DataError: the image cannot be read, changed since the check, or has another number of channels.
        """
        from seglet.images.channels import read_channels

        return read_channels(item.image, self.channels or (), self.max_pixels, item.image_hash)

    def read_labels(self, item: ImageItem) -> UInt8[np.ndarray, "h w"] | None:
        """Reads the mask of an item as train ids, or returns None if it has none.

        Raises:
            DataError: the mask cannot be read, changed since the check, or holds values of no class.
        """
        if item.mask is None:
            return None
        mask = read_mask(item.mask, self.max_pixels, item.mask_hash, lossy=self.threshold is not None)
        return self.labels(mask, item.mask)

    def _look_up(self, mask: Integer[np.ndarray, "h w *rgb"]) -> np.ndarray:
        if self.coding == "colour":
            keys, values = self._colours
            packed = pack_colours(mask)
            place = np.searchsorted(keys, packed).clip(max=len(keys) - 1)
            return np.where(keys[place] == packed, values[place], _UNKNOWN)
        if mask.size and (mask.min() < 0 or mask.max() > MAX_ID):
            return np.where((mask < 0) | (mask > MAX_ID), _UNKNOWN, self._ids[mask.clip(0, MAX_ID)])
        return np.take(self._ids, mask)

    @cached_property
    def _ids(self) -> np.ndarray:
        found = np.full(MAX_ID + 1, _UNKNOWN, np.int16)
        for value, label in train_ids(self.entries).items():
            found[value] = label
        return found

    @cached_property
    def _colours(self) -> tuple[np.ndarray, np.ndarray]:
        mapping = sorted(train_colours(self.entries).items())
        return np.array([key for key, _ in mapping]), np.array([label for _, label in mapping], np.int16)

    def fingerprint(self, items: Sequence[ImageItem]) -> str:
        """Returns a hash of the content of these items and of how their masks are read; paths are not part of it."""
        rows = [
            [item.id, item.image_hash, item.mask_hash, *([] if item.tags is None else [item.tags])] for item in items
        ]
        reading: list[Any] = [_entry_rows(self.entries), self.coding, self.stray]
        reading += [] if self.threshold is None else [self.threshold]
        if self.whites is not None and self.whites != SIXTEEN_BITS:
            reading.append(asdict(self.whites))
        if self.channels is not None:
            reading.append([asdict(channel) for channel in self.channels])
        return hashlib.sha256(json.dumps([reading, rows]).encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Writes the description; the root and paths below it are stored as relative paths where possible.

        Raises:
            DataError: the file is there and is no description, or cannot be written.
        """
        content = self.as_json(path.parent.resolve())
        write_description(path, json_text(sealed(content)).encode())

    def as_json(self, home: Path) -> dict[str, Any]:
        """Returns the description as plain JSON for a file in the folder `home`."""
        root = self.root.resolve()
        content: dict[str, Any] = {
            "version": _VERSION,
            "root": os.path.relpath(root, home) if _move_together(root, home) else str(root),
            "layout": self.layout,
            "coding": self.coding,
            "stray": self.stray,
            "max_pixels": self.max_pixels,
            "classes": _entry_rows(self.entries),
            "splits": {name: [_row(item, root) for item in items] for name, items in self.splits.items()},
        }
        if self.tags is not None:
            content["tags"] = {"form": self.tags.form, "file": _stored(self.tags.source, root), "hash": self.tags.hash}
        if self.threshold is not None:
            content["threshold"] = self.threshold
        if self.whites is not None:
            content["white"] = asdict(self.whites)
        if self.channels is not None:
            content["channels"] = [asdict(channel) for channel in self.channels]
        return content


def _move_together(root: Path, home: Path) -> bool:
    """True if one of the folders is in the other, so that the way between them stays when they move."""
    return root.is_relative_to(home) or home.is_relative_to(root)


def load_description(path: Path) -> Description:
    """Reads the description that `save` wrote.

    Raises:
        DataError: the file cannot be read, is no description, or has another version.
    """
    stored = read_bytes(path)
    try:
        content = json.loads(stored)
        version = content["version"]
    except _FORM_ERRORS as error:
        raise _no_description(path, error) from error
    if version != _VERSION:
        raise DataError(f"{str(path)!r} has version {version!r}, this seglet reads {_VERSION}; run `seglet data check`")
    check_seal(content, path)
    try:
        return description_from_json(content, path.parent)
    except _FORM_ERRORS as error:
        raise _no_description(path, error) from error


_FORM_ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError, OverflowError)


def _no_description(path: Path, error: Exception) -> DataError:
    return DataError(f"{str(path)!r} is no data set description ({error}); `seglet data check` writes one")


def description_from_json(content: dict[str, Any], home: Path) -> Description:
    """Returns the description that `Description.as_json` made for a file in the folder `home`.

    Raises:
        ValueError: the content is none; so it is for other errors of Python about its types and keys.
    """
    root = (home / content["root"]).resolve()
    entries = tuple(entry_from_json(row) for row in content["classes"])
    classes = classes_of(entries)
    splits = {str(name): tuple(_item(row, root) for row in rows) for name, rows in content["splits"].items()}
    tags = {label for items in splits.values() for item in items for label in item.tags or ()}
    if tags and not 0 <= min(tags) <= max(tags) < len(classes):
        raise ValueError(f"tags go from {min(tags)} to {max(tags)}, but there are {len(classes)} classes")
    return Description(
        root=root,
        layout=str(content["layout"]),
        entries=entries,
        splits=splits,
        coding=_coding(content["coding"]),
        stray=float(content["stray"]),
        max_pixels=int(content["max_pixels"]),
        tags=_origin(content["tags"], root) if "tags" in content else None,
        threshold=int(content["threshold"]) if "threshold" in content else None,
        whites=white_levels_from_json(content["white"]) if "white" in content else None,
        channels=channels_from_json(content["channels"]) if "channels" in content else None,
    )


def _origin(row: dict[str, Any], root: Path) -> TagOrigin:
    return TagOrigin(str(row["form"]), root / str(row["file"]), str(row["hash"]))


def _coding(name: object) -> MaskCoding:
    for coding in get_args(MaskCoding):
        if coding == name:
            return coding  # type: ignore[no-any-return]
    raise ValueError(f"coding {name!r}; {choose_from(str(name), get_args(MaskCoding))}")


def _entry_rows(entries: ClassTable) -> list[dict[str, Any]]:
    return [{"id": e.id, "name": e.name, "colour": list(e.colour), "void": e.void} for e in entries]


def _row(item: ImageItem, root: Path) -> list[Any]:
    mask = _stored(item.mask, root) if item.mask else None
    row = [item.id, _stored(item.image, root), mask, item.image_hash, item.mask_hash]
    return row if item.tags is None else [*row, list(item.tags)]


def _stored(path: Path, root: Path) -> str:
    absolute = path.absolute()
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else str(absolute)


def _item(row: list[Any], root: Path) -> ImageItem:
    identifier, image, mask, image_hash, mask_hash, *tags = row
    if not all(isinstance(text, str) for text in (identifier, image, image_hash, mask_hash)):
        raise TypeError(f"{row!r} is not [id, image, mask or null, hash, hash] or that and tags")
    return ImageItem(identifier, root / image, root / mask if mask else None, image_hash, mask_hash, _tags(*tags))


def _tags(tags: list[Any] | None = None) -> tuple[int, ...] | None:
    return None if tags is None else tuple(int(label) for label in tags)


def _unknown_values(mask: np.ndarray, unknown: np.ndarray, file: str, coding: MaskCoding) -> str:
    values, counts = np.unique((pack_colours(mask) if mask.ndim == 3 else mask)[unknown], return_counts=True)
    row, column = (int(axis[0]) for axis in np.nonzero(unknown))
    most = [int(values[place]) for place in np.argsort(-counts)[:5]]
    shown = ", ".join(str(unpack_colour(value) if coding == "colour" else value) for value in most)
    kind = "colours" if coding == "colour" else "ids"
    return (f"mask {file!r} holds {kind} of no class: {shown} in {counts.sum()} pixels, first at row {row}, "
            f"column {column}; repair the mask, or add them to the table of classes")  # fmt: skip
