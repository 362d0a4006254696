"""NightCity: NightCity-images/images/{train,val}/NAME.png, and NightCity-label/label/{train,val}/NAME_labelIds.png.

Masks have Cityscapes' label ids, or train ids where no others are there. Source: Tan et al., IEEE TIP 2021.
"""

from pathlib import Path

from seglet.data.description import ImageItem
from seglet.data.files import image_files, subfolders
from seglet.data.layouts.cityscapes import CITYSCAPES_LABEL_IDS, CITYSCAPES_TRAIN_IDS
from seglet.data.layouts.found import FoundLayout, ImageMaskPairs, join_splits

_IMAGES, _LABELS = "NightCity-images", "NightCity-label"
_LABEL_IDS = ("_labelIds",)
_TRAIN_IDS = ("_labelTrainIds", "_trainIds")


def find_nightcity(root: Path) -> FoundLayout | None:
    """Returns the layout if there are the folders of both archives, unpacked into one or each into its own."""
    images, masks = _inside(root, _IMAGES, "images"), _inside(root, _LABELS, "label")
    if images is None or masks is None:
        return None
    there = {path.stem for path in image_files(masks)}
    kinds = _LABEL_IDS if any(stem.endswith(_LABEL_IDS) for stem in there) else _TRAIN_IDS
    splits: dict[str, ImageMaskPairs] = {}
    for folder in subfolders(images):
        items = tuple(_item(path, masks / folder.name, kinds) for path in image_files(folder))
        expected = items if (masks / folder.name).is_dir() else ()
        splits[folder.name] = ImageMaskPairs(items, (), tuple(item for item in expected if item.mask is None))
    return join_splits(
        "nightcity", splits, CITYSCAPES_LABEL_IDS if kinds == _LABEL_IDS else CITYSCAPES_TRAIN_IDS, "index"
    )


def _inside(root: Path, archive: str, name: str) -> Path | None:
    """Returns the folder of an archive that is unpacked, perhaps into a folder of its own name."""
    places = (root / archive / name, root / archive / archive / name)
    return next((place for place in places if place.is_dir()), None)


def _item(path: Path, masks: Path, kinds: tuple[str, ...]) -> ImageItem:
    named = (masks / f"{path.stem}{kind}.png" for kind in kinds)
    return ImageItem(path.stem, path, next((mask for mask in named if mask.is_file()), None))
