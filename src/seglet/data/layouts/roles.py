"""Roles of folders by their names: images, masks or a split; capitals, blanks, hyphens and underscores are ignored."""

from collections.abc import Iterable
from pathlib import Path

from seglet.data.files import subfolders
from seglet.data.spelling import fold_spelling

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "pictures", "JPEGImages")
MASK_FOLDERS = (
    "masks",
    "mask",
    "labels",
    "label",
    "annotations",
    "annotation",
    "gt",
    "SegmentationClass",
    "segmentation",
)
SPLIT_NAMES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "trainval": "trainval", "all": "all", "labelled": "labelled",
    "labeled": "labelled", "unlabelled": "unlabelled", "unlabeled": "unlabelled",
}  # fmt: skip
"""Names of split folders, each with the split it stands for."""
_IMAGES = frozenset(map(fold_spelling, IMAGE_FOLDERS))


def split_of(name: str) -> str | None:
    """Returns the split that a folder or list of this name stands for, or None."""
    return SPLIT_NAMES.get(name.lower())


def is_image_folder(name: str) -> bool:
    """True if a folder of this name holds images."""
    return fold_spelling(name) in _IMAGES


def folders_named(root: Path, names: Iterable[str]) -> list[Path]:
    """Returns the folders in `root` with one of the names, in the order of the names; exact spellings come first."""
    inside = subfolders(root)
    wanted = list(names)
    exact = [folder for name in wanted for folder in inside if folder.name == name]
    loose = [folder for name in wanted for folder in inside if fold_spelling(folder.name) == fold_spelling(name)]
    return list(dict.fromkeys((*exact, *loose)))
