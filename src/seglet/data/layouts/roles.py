"""Roles of folders by their names: images, masks or a split; capitals, blanks, hyphens and underscores are ignored."""

from collections.abc import Iterable
from pathlib import Path

from seglet.data.errors import Problem
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
_ROLES = {
    **dict.fromkeys((*_IMAGES, "frames", "photos", "rgb"), False),
    **dict.fromkeys((*map(fold_spelling, MASK_FOLDERS), "annot", "segmentations", "groundtruth", "seg", "gts"), True),
}
"""Names beside the name of a split; True for masks."""


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


def split_and_role(name: str) -> tuple[str, bool] | None:
    """Returns the split of a folder called like `train`, `train_masks` or `ImagesVal`, and True if it holds masks."""
    plain = fold_spelling(name)
    if (split := SPLIT_NAMES.get(plain)) is not None:
        return split, False
    for word in sorted(SPLIT_NAMES, key=len, reverse=True):
        for role in (plain.removeprefix(word), plain.removesuffix(word)):
            if role != plain and role in _ROLES:
                return SPLIT_NAMES[word], _ROLES[role]
    return None


def split_folders(folder: Path) -> tuple[dict[str, Path], list[Problem]]:
    """Returns the folders inside `folder` that are named after a split, and errors for two of one split."""
    found: dict[str, Path] = {}
    problems = []
    for path in subfolders(folder):
        split = split_of(path.name)
        if split is not None and found.setdefault(split, path) != path:
            what = f"is the split {split}, as {found[split].name!r} is"
            problems.append(Problem(str(path), what, "put both into one folder"))
    return found, problems
