"""Data sets in shards: rows are found in Parquet files, images and masks are read from tars by offset.

Axes: h rows, w columns.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import overload

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from seglet.data.dataset import Dataset, Sample
from seglet.data.description import SIXTEEN_BITS, ImageItem
from seglet.data.errors import DataError
from seglet.data.folder_dataset import present_classes
from seglet.data.shards.manifest import Manifest, Shard
from seglet.data.shards.rows import ImageRow, RowTable, StoredPart
from seglet.files import content_hash
from seglet.images import WhiteLevels, decode_image, decode_mask, resize_by_factor
from seglet.stores import Place

_HELD_TABLES = 64
"""Parquet files whose rows a data set keeps in memory; those of one window of shuffling are fewer."""
CAPTIONS = "captions"
"""Name under which captions of a manifest are texts of a sample."""


class ShardedDataset(Dataset):
    """One split of a data set in shards; `resize` and `whole_masks` are those of `FolderDataset`.

    Rows are loaded a shard at a time, so that opening costs the same for any number of images. An image or mask whose
    content is not what the manifest says is refused.
    """

    def __init__(self, manifest: Manifest, split: str, resize: float = 1.0, whole_masks: bool = False) -> None:
        if not 0 < resize <= 16:
            raise DataError(f"resize is {resize}; give a fraction of the size above 0 and up to 16, 1 to leave it")
        self.manifest, self.split = manifest, split
        self.shards = manifest.of_split(split)
        self.resize = resize
        self.whole_masks = whole_masks
        self.classes = manifest.reading.classes
        self.fingerprint = f"{manifest.fingerprint(split)}@{resize:g}"
        self._ends = list(accumulate(shard.images for shard in self.shards))
        self._tables: dict[int, RowTable] = {}
        self._sizes: dict[str, int] = {}
        self.ids = _RowTexts(self, hashes=False)

    @property
    def origin(self) -> str:
        """Folder or URL of the shards."""
        return repr(self.manifest.place.name)

    @property
    def whites(self) -> WhiteLevels | None:
        """White levels of the data set."""
        return self.manifest.reading.whites

    @property
    def groups(self) -> tuple[int, ...]:
        """Number of images in each shard."""
        return tuple(shard.images for shard in self.shards)

    def row(self, index: int) -> ImageRow:
        """Returns the row of the image at `index`; no image is read.

        Raises:
            DataError: the Parquet file is gone, damaged or changed.
        """
        shard, place = self._place(index)
        return self._table(shard).row(place)

    def image_size(self, index: int) -> tuple[int, int]:
        """Returns rows and columns of the image at `index`, which is read only if its row does not say."""
        height, width = self.row(index).size
        if height and width:
            return height, width
        rows, columns = self.read(index).image.shape[:2]
        return rows, columns

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Returns the same as the data set on disk that the shards were made of; see `Dataset.identity`."""
        row = self.row(index)
        annotated = ""
        if set(reads) - {"image"}:
            mask = None if row.mask is None else Path(row.mask.name)
            hashed = "" if row.mask is None else row.mask.hash
            item = ImageItem(row.id, Path(row.image.name), mask, row.image.hash, hashed, row.tags)
            annotated = f" {self.manifest.reading.fingerprint([item])} {self.whole_masks}"
        whites = self.whites
        scaled = "" if whites is None or whites == SIXTEEN_BITS else f" {whites.integers} {whites.floats}"
        return f"{row.image.hash}@{self.resize:g}{scaled}{annotated}"

    def image_keys(self) -> Sequence[str]:
        """Returns the content hash of each image."""
        return _RowTexts(self, hashes=True)

    def read(self, index: int) -> Sample:
        """Reads the image at `index` with its mask, tags and caption; see `Dataset.read`."""
        row, reading = self.row(index), self.manifest.reading
        shard = self.shards[self._place(index)[0]]
        content = self._content(shard, row.image)
        whites = reading.whites or SIXTEEN_BITS
        image = decode_image(content, self._shown(shard, row.image), reading.max_pixels, whites)
        texts = {CAPTIONS: (row.caption,)} if row.caption else {}
        labels = None if row.mask is None else self._labels(shard, row.mask)
        if labels is None:
            return Sample(row.id, resize_by_factor(image, self.resize), None, row.tags, texts=texts)
        if labels.shape != image.shape[:2]:
            sizes = f"{labels.shape[1]}x{labels.shape[0]}, its image {image.shape[1]}x{image.shape[0]}"
            raise DataError(f"the mask of {row.id!r} in {self._shown(shard, row.image)} is {sizes}; write it again")
        tags = present_classes(labels, self.classes) if row.tags is None else row.tags
        if not self.whole_masks:
            labels = resize_by_factor(labels, self.resize, Image.Resampling.NEAREST)
        return Sample(row.id, resize_by_factor(image, self.resize), labels, tags, texts=texts)

    def _labels(self, shard: Shard, part: StoredPart) -> UInt8[np.ndarray, "h w"]:
        reading, shown = self.manifest.reading, self._shown(shard, part)
        mask = decode_mask(self._content(shard, part), shown, reading.max_pixels, lossy=reading.threshold is not None)
        return reading.labels(mask, shown)

    def _content(self, shard: Shard, part: StoredPart) -> bytes:
        place = self.manifest.place
        content = read_part(place, shard, part, self._sizes)
        if content_hash(content) != part.hash:
            raise DataError(
                f"{str(self._shown(shard, part))!r} is not what the manifest says (its hash differs): the shard "
                "changed or is damaged; copy it again, or run `seglet data check` again"
            )
        return content

    def _shown(self, shard: Shard, part: StoredPart) -> Path:
        return Path(self.manifest.place.shown(f"{shard.tar}/{part.name}" if shard.tar else part.name))

    def _place(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        number = bisect_right(self._ends, index)
        return number, index - (self._ends[number - 1] if number else 0)

    def __len__(self) -> int:
        return self._ends[-1]

    def _table(self, number: int) -> RowTable:
        table = self._tables.get(number)
        if table is None:
            table = load_rows(self.manifest, self.shards[number])
            self._tables[number] = table
            while len(self._tables) > _HELD_TABLES:
                self._tables.pop(next(iter(self._tables)), None)
        return table


def read_part(place: Place, shard: Shard, part: StoredPart, sizes: dict[str, int]) -> bytes:
    """Reads an image or a mask of a shard; `sizes` keeps the sizes of tars that were compared with the manifest.

    Raises:
        DataError: the tar has another size than the manifest says, or cannot be read.
    """
    if not shard.tar:
        return place.read(part.name)
    if shard.tar not in sizes:
        there = place.size(shard.tar)
        if there != shard.size:
            what = "is cut short" if there < shard.size else "changed"
            raise DataError(
                f"{place.shown(shard.tar)!r} {what}: the manifest says {shard.size} bytes, there are {there}; copy it "
                "again, or run `seglet data check` again"
            )
        sizes[shard.tar] = there
    return place.read(shard.tar, part.offset, part.size)


def load_rows(manifest: Manifest, shard: Shard) -> RowTable:
    """Reads the rows of a shard.

    Raises:
        DataError: the file is gone, damaged, of another version, or not the one that the manifest was written with.
    """
    content, shown = manifest.home.read(shard.rows), manifest.home.shown(shard.rows)
    if hashlib.sha256(content).hexdigest() != shard.rows_sha256:
        RowTable(content, shown)  # of another version is the better message
        raise DataError(
            f"{shown!r} is not the file that the manifest was written with (its hash differs); restore it, or run "
            "`seglet data check` again"
        )
    table = RowTable(content, shown)
    if len(table) != shard.images:
        raise DataError(f"{shown!r} has {len(table)} rows, the manifest says {shard.images}; write it again")
    return table


class _RowTexts(Sequence[str]):
    """The ids or content hashes of the images, read when they are asked for."""

    def __init__(self, data: ShardedDataset, hashes: bool) -> None:
        self._data, self._hashes = data, hashes

    def __len__(self) -> int:
        return len(self._data)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        row = self._data.row(range(len(self))[index])
        return row.image.hash if self._hashes else row.id
