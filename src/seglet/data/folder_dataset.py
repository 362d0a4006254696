"""Data sets on disk: one split of a described folder of images and masks.

Axes: h rows, w columns.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from seglet.data.checking.check import check_dataset
from seglet.data.dataset import Dataset, Sample
from seglet.data.description import SIXTEEN_BITS, Description, ImageItem, load_description
from seglet.data.description_files import description_path, find_description, forget_other_descriptions
from seglet.data.errors import DataError
from seglet.data.names import ImageNames, match_names
from seglet.data.shards.manifest import MANIFEST_FILE
from seglet.data.splits.divide import unlabelled_item
from seglet.data.splits.fractions import UNLABELLED_NAMES, split_commands
from seglet.data.splits.official import official_split_ids
from seglet.files import expand_home
from seglet.images import WhiteLevels, resize_by_factor
from seglet.images.value_range import Channel
from seglet.types import IGNORE, Classes


class FolderDataset(Dataset):
    """One split of a described data set, read from its files.

    Images are read at the fraction `resize` of their size, averaged where they shrink; masks are resized by nearest
    neighbour, or keep their own size if `whole_masks`, so that scores are not computed on coarse masks.
    Files that changed since the check are refused. Tags are those of the description; where it has none for an image,
    they follow from the whole mask.
    """

    def __init__(
        self, description: Description, items: Sequence[ImageItem], resize: float = 1.0, whole_masks: bool = False
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

    @property
    def origin(self) -> str:
        """Folder of the data set."""
        return repr(str(self.description.root))

    @property
    def whites(self) -> WhiteLevels | None:
        """White levels of the description."""
        return self.description.whites

    @property
    def channels(self) -> tuple[Channel, ...] | None:
        """Channels of the description."""
        return self.description.channels

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Returns the hash of the image and, if annotation is read, of the item; see `Dataset.identity`."""
        item = self.items[index]
        if not item.image_hash or (item.mask is not None and not item.mask_hash):
            return super().identity(index, reads)
        annotation = set(reads) - {"image"}
        annotated = f" {self.description.fingerprint([item])} {self.whole_masks}" if annotation else ""
        whites = self.whites
        scaled = "" if whites is None or whites == SIXTEEN_BITS else f" {whites.integers} {whites.floats}"
        return f"{item.image_hash}@{self.resize:g}{scaled}{annotated}"

    def image_keys(self) -> Sequence[str]:
        """Returns the content hash of each image, or its path where it was not hashed."""
        return [item.image_hash or str(item.image.resolve()) for item in self.items]

    def image_file(self, index: int) -> tuple[Path, int]:
        """Returns the file of the image at `index` and the pixels that it may have."""
        return self.items[index].image, self.description.max_pixels

    def read(self, index: int) -> Sample:
        """Reads the image at `index` with its mask and tags; see `Dataset.read`."""
        item = self.items[index]
        labels = self.description.read_labels(item)
        if self.channels is None:
            image: np.ndarray = self.description.read_image(item)
        else:
            found = self.description.read_channels(item)
            image = found.values
            if labels is not None and labels.shape == found.valid.shape:
                labels = np.where(found.valid, labels, np.uint8(IGNORE))
        if labels is None:
            return Sample(item.id, resize_by_factor(image, self.resize), None, item.tags)
        if labels.shape != image.shape[:2]:
            sizes = f"{labels.shape[1]}x{labels.shape[0]}, its image {image.shape[1]}x{image.shape[0]}"
            raise DataError(f"mask {str(item.mask)!r} is {sizes}; export it at the size of the image")
        tags = present_classes(labels, self.classes) if item.tags is None else item.tags
        if not self.whole_masks:
            labels = resize_by_factor(labels, self.resize, Image.Resampling.NEAREST)
        return Sample(item.id, resize_by_factor(image, self.resize), labels, tags)


def present_classes(labels: UInt8[np.ndarray, "h w"], classes: Classes) -> tuple[int, ...]:
    """Returns the train ids that have a pixel, in order, without background, which is not a tag."""
    counts = Image.fromarray(labels).histogram() if labels.size else [0]  # unlike bincount needs no integers of 64 bits
    return tuple(label for label, count in enumerate(counts[: len(classes)]) if count and label != classes.background)


def open_folder(data: str, split: str, resize: float = 1.0, whole_masks: bool = False) -> FolderDataset:
    """Opens one split of a data set on disk; see `open_dataset`."""
    description = describe_data(expand_home(data))
    if split in description.splits or "/" not in split:
        return FolderDataset(description, description.items(split), resize, whole_masks)
    if needed := split_commands(data, [split], description.splits):
        raise DataError(f"there is no split {split!r} of {data!r} yet; make it: {needed[0]}")
    return FolderDataset(description, _official_items(description, split), resize, whole_masks)


def describe_data(path: Path) -> Description:
    """Returns the description in the file `path` or of the folder `path`, which is checked now if it has none.

    Raises:
        DataError: the description cannot be read, the tags changed since it was written, or the folder has errors.
    """
    if (path / MANIFEST_FILE).is_file():
        from seglet.data.shards.file_rows import description_of

        return description_of(path)
    file = find_description(path)
    if file is not None:
        description = load_description(file)
        if description.tags is not None:
            description.tags.check_unchanged()
        return description
    try:
        return check_dataset(path).require_ok()
    except DataError as error:
        text = str(error)
        if "--" in text and "`seglet data check" not in text:
            raise DataError(f"{text} (options of `seglet data check {path}`, which has to be run first)") from error
        raise


def save_description(description: Description, folder: Path) -> Path:
    """Writes the description of a folder where `describe_data` finds it, and returns the file.

    A folder that has a manifest in place of dataset.json gets a new manifest.

    Raises:
        DataError: no place for it can be written.
    """
    if (folder / MANIFEST_FILE).is_file():
        from seglet.data.shards.file_rows import save_file_rows

        return save_file_rows(description, folder)
    file = description_path(folder)
    description.save(file)
    forget_other_descriptions(folder, file)
    return file


def _official_items(description: Description, split: str) -> tuple[ImageItem, ...]:
    every = [item for items in description.splits.values() for item in items]
    by_path = {item.image: item for item in sorted(every, key=lambda item: item.mask is not None)}
    wanted = official_split_ids(split)
    found = match_names(wanted, ImageNames(((item.id, path) for path, item in by_path.items()), description.root))
    missing = [name for name in wanted if name not in found.images]
    if missing:
        lacking = f"{len(missing)} of {len(wanted)} images of list {split!r} are not in {str(description.root)!r}"
        twice = f" ({len(found.ambiguous)} are there more than once)" if found.ambiguous else ""
        raise DataError(f"{lacking}{twice}, such as {missing[0]!r}; complete the data set and check it again")
    items = tuple(by_path[found.images[name]] for name in wanted)
    unlabelled = split.rsplit("/", 1)[-1] in UNLABELLED_NAMES
    return tuple(map(unlabelled_item, items)) if unlabelled else items
