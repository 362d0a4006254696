"""CamVid as SegNet split it: train/ and trainannot/, val/ and valannot/, test/ and testannot/; 11 classes, 11 is void.

Badrinarayanan et al., PAMI 2017; images by Brostow et al. 2009. The split has 367, 101 and 233 images.
"""

import re
from dataclasses import replace
from pathlib import Path

from seglet.data.class_table import ClassEntry, ClassTable
from seglet.data.layouts import folders
from seglet.data.layouts.found import FoundLayout, join_splits
from seglet.data.layouts.pairing import pair_folders

CAMVID_TABLE: ClassTable = (
    ClassEntry(0, "sky", (128, 128, 128)), ClassEntry(1, "building", (128, 0, 0)),
    ClassEntry(2, "pole", (192, 192, 128)), ClassEntry(3, "road", (128, 64, 128)),
    ClassEntry(4, "pavement", (60, 40, 222)), ClassEntry(5, "tree", (128, 128, 0)),
    ClassEntry(6, "sign_symbol", (192, 128, 128)), ClassEntry(7, "fence", (64, 64, 128)),
    ClassEntry(8, "car", (64, 0, 128)), ClassEntry(9, "pedestrian", (64, 64, 0)),
    ClassEntry(10, "bicyclist", (0, 128, 192)), ClassEntry(11, "void", (0, 0, 0), void=True),
)  # fmt: skip
_SPLIT_SIZES = {"train": 367, "val": 101, "test": 233}
_FRAME_NAME = re.compile(r"(0001TP|0006R0|0016E5|Seq05VD)_\w+")


def find_camvid(root: Path) -> FoundLayout | None:
    """Returns the layout of SegNet's folders, or of images/ and masks/ with CamVid's frame names."""
    if all((root / name).is_dir() for name in ("train", "trainannot")):
        return _segnet(root)
    found = folders.find_folders(root)
    if found is None or not _are_frames(found):
        return None
    return replace(found, layout="camvid", entries=CAMVID_TABLE)


def _segnet(root: Path) -> FoundLayout:
    pairs = {}
    for name in _SPLIT_SIZES:
        if (root / name).is_dir():
            masks = root / f"{name}annot"
            pairs[name] = pair_folders(root / name, masks if masks.is_dir() else None)
    return join_splits("camvid", pairs, CAMVID_TABLE, "index")


def _are_frames(found: FoundLayout) -> bool:
    ids = [item.id for items in found.splits.values() for item in items]
    return bool(ids) and all(_FRAME_NAME.fullmatch(name.rsplit("/", 1)[-1]) for name in ids)
