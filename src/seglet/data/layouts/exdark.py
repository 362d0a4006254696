"""ExDark: ExDark/CLASS/NAME.jpg, boxes in ExDark_Annno/CLASS/NAME.jpg.txt, and splits in imageclasslist.txt.

There are no masks; the classes of the boxes are tags. Source: Loh and Chan, CVIU 2019.
"""

from pathlib import Path

from seglet.data.class_table import ClassEntry, ClassTable
from seglet.data.description import WHOLE_SPLIT, ImageItem
from seglet.data.files import image_files, image_name
from seglet.data.layouts.found import FoundLayout, ImageMaskPairs, join_splits
from seglet.data.layouts.lists import read_list
from seglet.types import Classes

_NAMES = (
    "background", "bicycle", "boat", "bottle", "bus", "car", "cat", "chair", "cup", "dog", "motorbike", "people",
    "table",
)  # fmt: skip
EXDARK_CLASSES: ClassTable = tuple(
    ClassEntry(place, name, colour)
    for place, (name, colour) in enumerate(zip(_NAMES, Classes.named(_NAMES).colours, strict=True))
)
_SPLITS = {"1": "train", "2": "val", "3": "test"}
"""Last column of the list, and the split."""
_BOXES = ("ExDark_Annno", "ExDark_Anno", "ExDark_Annotations")
_LISTS = ("imageclasslist.txt", "Groundtruth/imageclasslist.txt")


def box_folder(root: Path) -> Path | None:
    """Returns the folder of ExDark's boxes, one file for each image."""
    return next((root / name for name in _BOXES if (root / name).is_dir()), None)


def find_exdark(root: Path) -> FoundLayout | None:
    """Returns the layout if there are ExDark/ and its boxes; without the list all images are one split."""
    images = root / "ExDark"
    if not images.is_dir() or box_folder(root) is None:
        return None
    splits: dict[str, list[ImageItem]] = {}
    split_of = _listed_splits(root)
    for path in image_files(images):
        name = split_of.get(path.name.casefold()) if split_of else WHOLE_SPLIT
        if name is not None:
            splits.setdefault(name, []).append(ImageItem(image_name(path, images), path))
    ordered = [name for name in (*_SPLITS.values(), WHOLE_SPLIT) if name in splits]
    return join_splits("exdark", {name: ImageMaskPairs(tuple(splits[name]), ()) for name in ordered}, EXDARK_CLASSES)


def _listed_splits(root: Path) -> dict[str, str]:
    """Returns the split of each image by its file name, without regard to capitals; empty if there is no list."""
    file = next((root / name for name in _LISTS if (root / name).is_file()), None)
    rows = [line.split() for line in read_list(file)] if file is not None else []
    return {row[0].casefold(): _SPLITS[row[-1]] for row in rows if len(row) > 1 and row[-1] in _SPLITS}
