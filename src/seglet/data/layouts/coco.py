"""COCO: annotations/instances_*.json drawn into masks, or existing masks in masks/ or stuffthingmaps/.

Also as work on weak supervision arranges it: JPEGImages/train2014 and SegmentationClass/train2014, masks of 81 ids.

In masks drawn here 0 is background and the categories follow from 1 in order of their id; where objects overlap the
smaller wins, of equals the later; crowds are void.
"""

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from seglet.data.class_table import ClassEntry, ClassTable, numbered_table
from seglet.data.description import ImageItem
from seglet.data.errors import DataError, Problem
from seglet.data.files import cache_folder_for, image_files, image_name, subfolders
from seglet.data.layouts.found import FoundLayout
from seglet.data.layouts.instances import (
    CocoImage,
    CocoInstances,
    doubtful_objects,
    read_instances,
    undrawn_objects,
    write_instance_mask,
)
from seglet.data.names import written_name
from seglet.data.pixel_limit import read_allowed_size

_SPLIT_FOLDER = re.compile(r"(train|val|test)(20\d\d)?")
_MASK_FOLDERS = ("masks", "stuffthingmaps")


def find_coco(root: Path) -> FoundLayout | None:
    """Returns the layout if there are COCO annotations, or folders of a COCO release with masks/.

    Masks that do not exist yet are drawn into the cache of the folder.
    """
    if is_arranged_like_voc(root):
        return _arranged_like_voc(root)
    homes = (root / "annotations", root / "Annotations", root)
    files = next((found for home in homes if (found := sorted(home.glob("instances_*.json")))), [])
    if files:
        return _drawn(root, files) if any((root / name).is_dir() for name in _MASK_FOLDERS) else _from_json(root, files)
    if (
        any((root / name).is_dir() for name in ("train2017", "val2017", "train2014", "val2014"))
        and (root / "masks").is_dir()
    ):
        return _drawn(root, [])
    return None


def is_arranged_like_voc(root: Path) -> bool:
    """True for JPEGImages and SegmentationClass with COCO's splits in them, and no lists of VOC."""
    lists = root / "ImageSets" / "Segmentation"
    return bool(_voc_like_splits(root)) and (root / "SegmentationClass").is_dir() and not lists.is_dir()


def _voc_like_splits(root: Path) -> list[Path]:
    return [folder for folder in subfolders(root / "JPEGImages") if _SPLIT_FOLDER.fullmatch(folder.name)]


def _arranged_like_voc(root: Path) -> FoundLayout:
    """Returns the layout with the masks of SegmentationClass, found by name or by the number that it ends in."""
    folders = _voc_like_splits(root)
    splits: dict[str, tuple[ImageItem, ...]] = {}
    problems: list[Problem] = []
    for folder in folders:
        home = root / "SegmentationClass"
        places = [home / name for name in (folder.name, folder.name.rstrip("0123456789")) if (home / name).is_dir()]
        masks = {_number(path.stem): path for path in image_files(places[0] if places else home)}
        images = [(image_name(path, folder), path) for path in image_files(folder)]
        items = tuple(ImageItem(name, path, masks[_number(path.stem)]) for name, path in images
                      if _number(path.stem) in masks)  # fmt: skip
        splits[_short(folder.name, [other.name for other in folders])] = items
        if len(items) < len(images):  # of COCO's images about one in a hundred has no object
            what = f"{len(images) - len(items)} of {len(images)} images have no mask and are left out"
            problems.append(Problem(str(folder), what, "nothing, if they show no object", "warning"))
    return FoundLayout("coco", splits, COCO_TABLE, "index", tuple(problems))


def _number(stem: str) -> str:
    """Returns what identifies an image in its name: 000000000009 of COCO_train2014_000000000009."""
    return stem.rpartition("_")[2]


def _from_json(root: Path, files: list[Path]) -> FoundLayout:
    splits: dict[str, tuple[ImageItem, ...]] = {}
    problems: list[Problem] = []
    entries: ClassTable | None = None
    for file in files:
        instances = read_instances(file)
        own = instances.entries
        if entries is not None and own != entries:
            problems.append(
                Problem(str(file), f"other categories than {files[0].name}", "export both with the same ones")
            )
        entries = entries or own
        name = _short(file.stem.removeprefix("instances_"), [file.stem for file in files])
        splits[name], new = _split(root, file.stem.removeprefix("instances_"), instances)
        problems += new
    return FoundLayout("coco", splits, entries, "index", tuple(problems), drawn=True)


def _split(root: Path, folder: str, instances: CocoInstances) -> tuple[tuple[ImageItem, ...], list[Problem]]:
    places = (root, root / "images", root / "JPEGImages")
    homes = [home for home in (*(place / folder for place in places), *places[1:], root) if home.is_dir()]
    items: list[ImageItem] = []
    problems = doubtful_objects(instances)
    clashing = _clashes(instances)
    for image in instances.images:
        if image.file in clashing:
            what = f"{' and '.join(map(repr, clashing[image.file]))} in {instances.file.name} have one name"
            problems.append(Problem(image.file, what, "rename one of them, or keep one entry with all its objects"))
            continue
        path = next((home / image.file for home in homes if (home / image.file).is_file()), None)
        if path is None:
            where = " or ".join(str(home) for home in homes)
            problems.append(
                Problem(image.file, f"named in the JSON but not in {where}", "restore it, or edit the JSON")
            )
            continue
        mask = cache_folder_for(root) / "masks" / instances.hash / Path(image.file).with_suffix(".png")
        new = _draw(instances, image, path, mask)
        problems += new
        if not any(problem.severity == "error" for problem in new):
            items.append(ImageItem(Path(image.file).with_suffix("").as_posix(), path, mask))
    return tuple(items), problems


def _clashes(instances: CocoInstances) -> dict[str, list[str]]:
    """Returns the files that share a name without ending, or are listed twice, each with all files of the name."""
    files: dict[str, list[str]] = defaultdict(list)
    for image in instances.images:
        files[written_name(image.file).casefold()].append(image.file)
    return {file: sorted(same) for same in files.values() if len(same) > 1 for file in same}


def _draw(instances: CocoInstances, image: CocoImage, path: Path, mask: Path) -> list[Problem]:
    """Writes the mask of an image unless it is there, and returns problems of its objects."""
    if image.problem:
        return [Problem(image.file, image.problem, f"repair it in {instances.file.name}")]
    problems = undrawn_objects(instances, image)
    if mask.is_file() or any(problem.severity == "error" for problem in problems):
        return problems
    try:
        known = image if image.size is not None else replace(image, size=read_allowed_size(path))
    except DataError as error:
        return [Problem(image.file, str(error), "restore the image, or state its size in the JSON")]
    return problems + write_instance_mask(instances, known, mask)


def _drawn(root: Path, files: list[Path]) -> FoundLayout:
    """Returns the layout with existing masks, masks/ID.png or masks/{split}/ID.png; images without one are left out."""
    home = next(root / name for name in _MASK_FOLDERS if (root / name).is_dir())
    masks = {path.stem: path for path in image_files(home)}
    folders = [folder for parent in (root, root / "images") if parent.is_dir() for folder in sorted(parent.iterdir())]
    splits = {}
    for folder in (
        folder for folder in folders if folder.is_dir() and folder.name.startswith(("train", "val", "test"))
    ):
        found = {image_name(path, folder): path for path in image_files(folder)}
        items = tuple(ImageItem(name, path, masks[name]) for name, path in found.items() if name in masks)
        splits[_short(folder.name, [folder.name for folder in folders])] = items
    if home.name == "stuffthingmaps":
        return FoundLayout("coco", splits, None, "index")
    entries = read_instances(files[0]).entries if files else numbered_table(("background", *COCO_NAMES))
    return FoundLayout("coco", splits, entries, "index")


def _short(name: str, others: list[str]) -> str:
    """Returns the split without its year, train for train2017, unless another year of it exists."""
    short = name.rstrip("0123456789")
    same = [other for other in others if other.removeprefix("instances_").rstrip("0123456789") == short]
    return short if len(same) == 1 and short else name


COCO_NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
COCO_TABLE: ClassTable = (
    *numbered_table(("background", *COCO_NAMES)), ClassEntry(255, "void", (224, 224, 192), void=True),
)  # fmt: skip
"""Masks of 81 ids in the order of COCO's categories, as work on weak supervision numbers them."""
