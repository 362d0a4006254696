"""What the rest of seglet sees of a set of images: samples, read one at a time by index.

Axes: h rows, w columns.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from seglet.data.checking.check import check
from seglet.data.columns.kinds import Kind
from seglet.data.description import FILE, Description, Item, load
from seglet.data.errors import DataError
from seglet.data.files import is_writable, keep_for
from seglet.data.splits.divide import UNLABELLED, unlabelled_item
from seglet.data.splits.fractions import commands
from seglet.data.splits.official import split_ids
from seglet.images import read_image, read_mask
from seglet.types import Classes


@dataclass(frozen=True)
class Sample:
    """One image as it lies on disk, before any view of it is taken.

    `labels` are train ids or IGNORE, `tags` the sorted train ids of the classes present, of which background is never
    one; either is None where nobody annotated it. Labels have the size of the image unless the data set keeps whole
    masks.
    `columns` and `texts` are what was computed offline for this image. `kinds` says how a column follows a view; one
    without a kind is an image if it is as large as the image, and else left whole.
    """

    id: str
    image: UInt8[np.ndarray, "h w 3"]
    labels: UInt8[np.ndarray, "rows columns"] | None
    tags: tuple[int, ...] | None = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)


class Dataset(ABC):
    """A fixed, ordered set of samples.

    `fingerprint` is a hash of the content: two datasets share it only if every sample is the same.
    """

    classes: Classes
    fingerprint: str
    ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        """Returns the sample at `index`, which counts from the end if it is negative.

        Raises:
            IndexError: there are fewer samples.
            DataError: its files cannot be read.
        """
        return self.read(range(len(self))[index])

    def __iter__(self) -> Iterator[Sample]:
        """Reads the samples one after the other."""
        return (self.read(index) for index in range(len(self)))

    @abstractmethod
    def read(self, index: int) -> Sample:
        """The sample at `index`; safe to call from several processes.

        Raises:
            DataError: its files cannot be read, or hold what they must not; says which file and the cure.
        """

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Words that are equal for two samples, of any data sets, only if what is named of them is equal.

        `reads` may name image, tags and labels. What was computed for a sample is kept under its identity, so that
        splits share it and a change of one image leaves the others' alone. Nothing is read.
        """
        return f"{self.fingerprint} {self.ids[index]}"

    def map_parts(self, change: "Callable[[Dataset], Dataset]") -> "Dataset":
        """Returns this data set with `change` applied to each list of images it is made of; here to itself."""
        return change(self)


class FolderDataset(Dataset):
    """One split of a described data set, read from its files.

    Images are read at the fraction `resize` of their size, averaged where they shrink; masks take the nearest pixel,
    or keep their own size if `whole_masks`, so that scores do not profit from coarse masks.
    Files whose content changed since the check are refused. Tags are those somebody wrote down; where nobody did, they
    follow from the whole mask.
    """

    def __init__(
        self, description: Description, items: Sequence[Item], resize: float = 1.0, whole_masks: bool = False
    ) -> None:
        if not 0 < resize <= 16:
            raise DataError(f"resize is {resize}; give a fraction of the size above 0 and up to 16, 1 to leave it")
        if not items:
            raise DataError(f"no image is left in {str(description.root)!r}; run `seglet data check` on it")
        self.description = description
        self.items = items
        self.resize = resize
        self.whole_masks = whole_masks
        self.classes = description.classes
        self.ids = tuple(item.id for item in items)
        self.fingerprint = f"{description.fingerprint(items)}@{resize:g}"

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        item = self.items[index]
        if not item.image_hash or (item.mask is not None and not item.mask_hash):
            return super().identity(index, reads)
        annotation = set(reads) - {"image"}
        told = f" {self.description.fingerprint([item])} {self.whole_masks}" if annotation else ""
        return f"{item.image_hash}@{self.resize:g}{told}"

    def read(self, index: int) -> Sample:
        item = self.items[index]
        image = read_image(item.image, self.description.max_pixels, item.image_hash)
        if item.mask is None:
            return Sample(item.id, resized(image, self.resize), None, item.tags)
        mask = read_mask(item.mask, self.description.max_pixels, item.mask_hash)
        if mask.shape[:2] != image.shape[:2]:
            sizes = f"{mask.shape[1]}x{mask.shape[0]}, its image {image.shape[1]}x{image.shape[0]}"
            raise DataError(f"mask {str(item.mask)!r} is {sizes}; export it at the size of the image")
        labels = self.description.labels(mask, item.mask)
        tags = present(labels, self.classes) if item.tags is None else item.tags
        if not self.whole_masks:
            labels = resized(labels, self.resize, Image.Resampling.NEAREST)
        return Sample(item.id, resized(image, self.resize), labels, tags)


def present(labels: UInt8[np.ndarray, "h w"], classes: Classes) -> tuple[int, ...]:
    """The classes that have a pixel, in order; without background, which is no tag."""
    counts = np.bincount(labels.ravel(), minlength=len(classes))[: len(classes)]
    return tuple(int(label) for label in np.flatnonzero(counts) if label != classes.background)


def resized(array: np.ndarray, factor: float, how: Image.Resampling = Image.Resampling.BOX) -> np.ndarray:
    """An image, or with NEAREST a mask, at `factor` of its size; averaged where it shrinks, smooth where it grows."""
    if factor == 1:
        return array
    height, width = (max(1, round(side * factor)) for side in array.shape[:2])
    smooth = how if factor < 1 or how == Image.Resampling.NEAREST else Image.Resampling.BILINEAR
    return np.array(Image.fromarray(array).resize((width, height), smooth))


def open_dataset(data: str | Path, split: str, *, resize: float = 1.0, whole_masks: bool = False) -> Dataset:
    """The samples of one split of the embedded world or of a data set on disk.

    `data` is `world`, or `world:scenes=100,clutter=8` with fields of `World` (`dark=1` is night) and `Difficulty`; or a
    folder, read as its dataset.json says and, if it has none, checked on the spot; or the path of a dataset.json.
    `resize` and `whole_masks` are those of `FolderDataset`; scenes of the world are drawn at the size wanted.
    `split` is a name in the data set, or one of the official lists (see `splits`), such as `pascal/92/labeled`, in
    short `voc/92`; the images of a list called unlabeled come without their masks.

    Raises:
        DataError: no such data or split, naming those there are; or the data have problems.
    """
    data = str(data)
    if is_world(data):
        from seglet.data.world.options import open_world  # worlds are data sets themselves

        return open_world(data, split)
    description = describe(Path(data))
    if split in description.splits or "/" not in split:
        return FolderDataset(description, description.items(split), resize, whole_masks)
    if needed := commands(data, [split], description.splits):
        raise DataError(f"there is no split {split!r} of {data!r} yet; make it: {needed[0]}")
    return FolderDataset(description, _listed(description, split), resize, whole_masks)


def is_world(data: str) -> bool:
    """Whether this names the embedded world rather than a folder."""
    return data == "world" or data.startswith("world:")


def describe(path: Path) -> Description:
    """The description in the file `path` or of the folder `path`; one without dataset.json is checked on the spot."""
    files = [path] if path.is_file() else [path / FILE, keep_for(path) / FILE] if path.is_dir() else []
    for file in files:
        if file.is_file():
            description = load(file)
            if description.tags is not None:
                description.tags.check_unchanged()
            return description
    return check(path).require_ok()


def default_file(root: Path) -> Path:
    """Where `describe` looks for the description of a folder: in it, or in the user's cache if it is read-only."""
    return (root if is_writable(root) else keep_for(root)) / FILE


def _listed(description: Description, split: str) -> tuple[Item, ...]:
    there = {item.id.rsplit("/", 1)[-1]: item for items in description.splits.values() for item in items}
    wanted = split_ids(split)
    gone = [name for name in wanted if name not in there]
    if gone:
        there_is = f"{len(gone)} of {len(wanted)} images of list {split!r} are not in {str(description.root)!r}"
        raise DataError(f"{there_is}, such as {gone[0]!r}; complete the data set and check it again")
    items = tuple(there[name] for name in wanted)
    unlabelled = split.rsplit("/", 1)[-1] in UNLABELLED
    return tuple(map(unlabelled_item, items)) if unlabelled else items
