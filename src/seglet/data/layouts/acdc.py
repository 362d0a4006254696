"""ACDC and Dark Zurich: rgb_anon/A/B/SEQUENCE/NAME_rgb_anon.png, and gt/A/B/SEQUENCE/NAME_gt_labelTrainIds.png.

A and B are condition and split in ACDC (night/train), split and condition in Dark Zurich (val/night); reference images
of the same places by day have splits of their own (night/train_ref, val_ref/day) and no masks.

Source: Sakaridis et al., ICCV 2021 (ACDC) and ICCV 2019 (Dark Zurich); classes and ids are those of Cityscapes.
"""

from pathlib import Path

from seglet.data.description import ImageItem
from seglet.data.files import image_files, subfolders
from seglet.data.layouts.cityscapes import CITYSCAPES_LABEL_IDS, CITYSCAPES_TRAIN_IDS
from seglet.data.layouts.found import FoundLayout, ImageMaskPairs, join_splits

_IMAGE_SUFFIXES = ("_rgb_ref_anon", "_rgb_anon")
_TRAIN, _VALIDATION = "train", "val"


def find_acdc(root: Path) -> FoundLayout | None:
    """Returns the layout if there is rgb_anon/; masks with train ids are taken, or label ids where there are no others.

    The splits are those of the folders, such as night/train, and besides, where several conditions have it, `train` and
    `val` of all of them together.
    """
    images, masks = root / "rgb_anon", root / "gt"
    if not images.is_dir():
        return None
    kind = "_gt_labelIds" if masks.is_dir() and not _has_train_ids(masks) else "_gt_labelTrainIds"
    splits: dict[str, ImageMaskPairs] = {}
    for first in subfolders(images):
        for second in subfolders(first):
            items = tuple(_item(path, images, masks, kind) for path in image_files(second))
            expected = items if (masks / first.name / second.name).is_dir() else ()
            name = f"{first.name}/{second.name}"
            splits[name] = ImageMaskPairs(items, (), tuple(item for item in expected if item.mask is None))
    for whole in (_TRAIN, _VALIDATION):
        parts = [pairs for name, pairs in splits.items() if whole in name.split("/")]
        if parts:
            splits[whole] = ImageMaskPairs(tuple(item for pairs in parts for item in pairs.items), ())
    table = CITYSCAPES_TRAIN_IDS if kind == "_gt_labelTrainIds" else CITYSCAPES_LABEL_IDS
    return join_splits("acdc", splits, table, "index")


def _has_train_ids(masks: Path) -> bool:
    return any(path.name.endswith("_gt_labelTrainIds.png") for path in image_files(masks))


def _item(path: Path, images: Path, masks: Path, kind: str) -> ImageItem:
    suffix = next((each for each in _IMAGE_SUFFIXES if path.stem.endswith(each)), "")
    place, stem = path.parent.relative_to(images), path.stem.removesuffix(suffix)
    mask = masks / place / f"{stem}{kind}.png"
    return ImageItem(f"{place.as_posix()}/{stem}", path, mask if mask.is_file() else None)
