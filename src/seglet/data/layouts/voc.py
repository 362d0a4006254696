"""PASCAL VOC: JPEGImages, SegmentationClass or SegmentationClassAug, ImageSets/Segmentation/*.txt."""

from dataclasses import replace
from pathlib import Path

from seglet.data.class_table import ClassEntry, ClassTable, numbered_table
from seglet.data.description import ImageItem
from seglet.data.errors import Problem
from seglet.data.files import image_files, image_name
from seglet.data.layouts.found import FoundLayout, ImageMaskPairs, join_splits, read_id_list

VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
VOC_TABLE: ClassTable = (*numbered_table(VOC_NAMES), ClassEntry(255, "void", (224, 224, 192), void=True))
VOC_FOLDERS = (".", "VOC2012", "VOCdevkit/VOC2012", "VOC2007", "VOCdevkit/VOC2007")
_MASK_FOLDERS = ("SegmentationClassAug", "SegmentationClass")


def find_voc(root: Path) -> FoundLayout | None:
    """The lists as splits, and as split `all` every image that has a mask; masks of the first folder that has one."""
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
    splits = {
        "all": ImageMaskPairs(
            tuple(ImageItem(name, path, masks[name]) for name, path in images.items() if name in masks), ()
        )
    }
    for file in sorted((home / "ImageSets" / "Segmentation").glob("*.txt")):
        splits[file.stem] = _split(file, images, masks)
    found = join_splits("voc", splits, VOC_TABLE, "index")
    return replace(found, problems=tuple(dict.fromkeys(found.problems)), unmasked=tuple(dict.fromkeys(found.unmasked)))


def _split(file: Path, images: dict[str, Path], masks: dict[str, Path]) -> ImageMaskPairs:
    names = read_id_list(file)
    gone = [name for name in names if name not in images]
    problems = (Problem(f"{name}.jpg", f"listed in {file.name} but not in JPEGImages", "restore it") for name in gone)
    items = tuple(ImageItem(name, images[name], masks.get(name)) for name in names if name in images)
    expected = () if file.stem.startswith("test") else items
    return ImageMaskPairs(items, tuple(problems), tuple(item for item in expected if item.mask is None))
