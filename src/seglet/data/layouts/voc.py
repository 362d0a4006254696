"""PASCAL VOC: JPEGImages, SegmentationClass or SegmentationClassAug, ImageSets/Segmentation/*.txt."""

from dataclasses import replace
from pathlib import Path

from seglet.data.class_table import ClassEntry, Table, table
from seglet.data.description import Item
from seglet.data.errors import Problem
from seglet.data.files import identity, image_files
from seglet.data.layouts.found import Found, Pairs, joined
from seglet.data.layouts.lists import read_list

NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
ENTRIES: Table = (*table(NAMES), ClassEntry(255, "void", (224, 224, 192), void=True))
HOMES = (".", "VOC2012", "VOCdevkit/VOC2012", "VOC2007", "VOCdevkit/VOC2007")
MASKS = ("SegmentationClassAug", "SegmentationClass")


def find(root: Path) -> Found | None:
    """The lists as splits, and as split `all` every image that has a mask; masks of the first folder that has one."""
    for home in (root / name for name in HOMES):
        if (home / "JPEGImages").is_dir() and any((home / name).is_dir() for name in MASKS):
            return _read(home)
    return None


def _read(home: Path) -> Found:
    images = {identity(path, home / "JPEGImages"): path for path in image_files(home / "JPEGImages")}
    masks: dict[str, Path] = {}
    for folder in (home / name for name in reversed(MASKS)):
        if folder.is_dir():
            masks |= {identity(path, folder): path for path in image_files(folder)}
    splits = {"all": Pairs(tuple(Item(name, path, masks[name]) for name, path in images.items() if name in masks), ())}
    for file in sorted((home / "ImageSets" / "Segmentation").glob("*.txt")):
        splits[file.stem] = _split(file, images, masks)
    found = joined("voc", splits, ENTRIES, "index")
    return replace(found, problems=tuple(dict.fromkeys(found.problems)), unmasked=tuple(dict.fromkeys(found.unmasked)))


def _split(file: Path, images: dict[str, Path], masks: dict[str, Path]) -> Pairs:
    names = read_list(file)
    gone = [name for name in names if name not in images]
    problems = (Problem(f"{name}.jpg", f"listed in {file.name} but not in JPEGImages", "restore it") for name in gone)
    items = tuple(Item(name, images[name], masks.get(name)) for name in names if name in images)
    expected = () if file.stem.startswith("test") else items
    return Pairs(items, tuple(problems), tuple(item for item in expected if item.mask is None))
