"""PASCAL VOC: JPEGImages, SegmentationClass or SegmentationClassAug, ImageSets/Segmentation/*.txt."""

from dataclasses import replace
from pathlib import Path

from seglet.data.class_table import ClassEntry, ClassTable, numbered_table
from seglet.data.description import WHOLE_SPLIT, ImageItem
from seglet.data.files import image_files, image_name
from seglet.data.layouts.coco import is_arranged_like_voc
from seglet.data.layouts.found import FoundLayout, ImageMaskPairs, join_splits
from seglet.data.layouts.lists import resolve_lists

VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
VOC_TABLE: ClassTable = (*numbered_table(VOC_NAMES), ClassEntry(255, "void", (224, 224, 192), void=True))
VOC_FOLDERS = (".", "VOC2012", "VOCdevkit/VOC2012", "VOC2007", "VOCdevkit/VOC2007")
_MASK_FOLDERS = ("SegmentationClassAug", "SegmentationClass")


def find_voc(root: Path) -> FoundLayout | None:
    """The lists as splits, and as split `all` every image that has a mask; masks of the first folder that has one.

    None for COCO in the same folders.
    """
    if is_arranged_like_voc(root):
        return None
    for home in (root / name for name in VOC_FOLDERS):
        if (home / "JPEGImages").is_dir() and any((home / name).is_dir() for name in _MASK_FOLDERS):
            return _read(home)
    return None


def _read(home: Path) -> FoundLayout:
    images = {image_name(path, home / "JPEGImages"): path for path in image_files(home / "JPEGImages")}
    masks: dict[str, Path] = {}
    for folder in (home / name for name in reversed(_MASK_FOLDERS)):
        if folder.is_dir():
            masks |= {image_name(path, folder): path for path in image_files(folder)}
    items = [ImageItem(name, path, masks.get(name)) for name, path in images.items()]
    splits = {WHOLE_SPLIT: ImageMaskPairs(tuple(item for item in items if item.mask is not None), ())}
    files = sorted((home / "ImageSets" / "Segmentation").glob("*.txt"))
    listed = resolve_lists(files, items, home)
    for file in files:
        chosen = tuple(image.item for image in listed.images[file])
        expected = () if file.stem.startswith("test") else chosen
        splits[file.stem] = ImageMaskPairs(chosen, (), tuple(item for item in expected if item.mask is None))
    found = join_splits("voc", splits, VOC_TABLE, "index")
    return replace(found, problems=listed.problems, unmasked=tuple(dict.fromkeys(found.unmasked)))
