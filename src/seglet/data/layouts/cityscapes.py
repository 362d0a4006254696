"""Cityscapes: leftImg8bit/{split}/{city}/*_leftImg8bit.png, and gtFine/... _labelIds.png or _labelTrainIds.png.

Ids, names, colours and which ids are evaluated: the data set's own table of 34 labels (Cordts et al., CVPR 2016).
"""

from pathlib import Path

from seglet.data.class_table import ClassEntry, ClassTable
from seglet.data.description import ImageItem
from seglet.data.files import image_files, subfolders
from seglet.data.layouts.found import FoundLayout, ImageMaskPairs, join_splits

_EVALUATED = {
    7: ("road", (128, 64, 128)), 8: ("sidewalk", (244, 35, 232)), 11: ("building", (70, 70, 70)),
    12: ("wall", (102, 102, 156)), 13: ("fence", (190, 153, 153)), 17: ("pole", (153, 153, 153)),
    19: ("traffic light", (250, 170, 30)), 20: ("traffic sign", (220, 220, 0)), 21: ("vegetation", (107, 142, 35)),
    22: ("terrain", (152, 251, 152)), 23: ("sky", (70, 130, 180)), 24: ("person", (220, 20, 60)),
    25: ("rider", (255, 0, 0)), 26: ("car", (0, 0, 142)), 27: ("truck", (0, 0, 70)), 28: ("bus", (0, 60, 100)),
    31: ("train", (0, 80, 100)), 32: ("motorcycle", (0, 0, 230)), 33: ("bicycle", (119, 11, 32)),
}  # fmt: skip
_NOT_EVALUATED = {
    0: "unlabeled", 1: "ego vehicle", 2: "rectification border", 3: "out of roi", 4: "static", 5: "dynamic",
    6: "ground", 9: "parking", 10: "rail track", 14: "guard rail", 15: "bridge", 16: "tunnel", 18: "polegroup",
    29: "caravan", 30: "trailer",
}  # fmt: skip
CITYSCAPES_LABEL_IDS: ClassTable = tuple(
    ClassEntry(number, *_EVALUATED[number])
    if number in _EVALUATED
    else ClassEntry(number, _NOT_EVALUATED[number], (0, 0, 0), True)
    for number in range(34)
)
CITYSCAPES_TRAIN_IDS: ClassTable = (
    *(ClassEntry(place, *entry) for place, entry in enumerate(_EVALUATED.values())),
    ClassEntry(255, "void", (0, 0, 0), void=True),
)
_IMAGE_SUFFIX = "_leftImg8bit"


def find_cityscapes(root: Path) -> FoundLayout | None:
    """Returns the layout if there is leftImg8bit/; masks with train ids are taken where none with label ids exist."""
    images, masks = root / "leftImg8bit", root / "gtFine"
    if not images.is_dir():
        return None
    names = [folder.name for folder in subfolders(images)]
    kind = "_labelTrainIds" if masks.is_dir() and not _has_label_ids(masks) else "_labelIds"
    splits: dict[str, ImageMaskPairs] = {}
    for name in names:
        items = tuple(_item(path, images, masks, kind) for path in image_files(images / name))
        expected = items if (masks / name).is_dir() else ()
        splits[name] = ImageMaskPairs(items, (), tuple(item for item in expected if item.mask is None))
    return join_splits(
        "cityscapes", splits, CITYSCAPES_LABEL_IDS if kind == "_labelIds" else CITYSCAPES_TRAIN_IDS, "index"
    )


def _has_label_ids(masks: Path) -> bool:
    return any(path.name.endswith("_labelIds.png") for path in image_files(masks))


def _item(path: Path, images: Path, masks: Path, kind: str) -> ImageItem:
    name, _, variant = path.stem.partition(_IMAGE_SUFFIX)  # a variant of Foggy Cityscapes has the mask of its image
    mask = masks / path.parent.relative_to(images) / f"{name}_gtFine{kind}.png"
    return ImageItem(name + variant, path, mask if mask.is_file() else None)
