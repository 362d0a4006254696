"""BDD100K: images/10k/{train,val,test}/NAME.jpg, and labels/sem_seg/masks/{train,val}/NAME.png.

Masks have Cityscapes' train ids. Source: Yu et al., CVPR 2020.
"""

from pathlib import Path

from seglet.data.description import ImageItem
from seglet.data.files import image_files, subfolders
from seglet.data.layouts.cityscapes import CITYSCAPES_TRAIN_IDS
from seglet.data.layouts.found import FoundLayout, ImageMaskPairs, join_splits


def find_bdd100k(root: Path) -> FoundLayout | None:
    """Returns the layout if there are images/10k/ and labels/sem_seg/masks/."""
    images, masks = root / "images" / "10k", root / "labels" / "sem_seg" / "masks"
    if not (images.is_dir() and masks.is_dir()):
        return None
    splits: dict[str, ImageMaskPairs] = {}
    for folder in subfolders(images):
        there = masks / folder.name
        items = tuple(_item(path, there) for path in image_files(folder))
        expected = items if there.is_dir() else ()
        splits[folder.name] = ImageMaskPairs(items, (), tuple(item for item in expected if item.mask is None))
    return join_splits("bdd100k", splits, CITYSCAPES_TRAIN_IDS, "index")


def _item(path: Path, masks: Path) -> ImageItem:
    mask = masks / f"{path.stem}.png"
    return ImageItem(path.stem, path, mask if mask.is_file() else None)
