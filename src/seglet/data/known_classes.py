"""Classes of well-known data sets, or of files that the user names."""

from pathlib import Path

from seglet.data.class_files.read import read_class_table
from seglet.data.class_table import classes_of, numbered_table
from seglet.data.description import load_description
from seglet.data.description_files import DESCRIPTION_FILE, find_description
from seglet.data.layouts import ade20k, camvid, cityscapes, coco, voc
from seglet.data.world.scene import WORLD_CLASSES
from seglet.types import Classes
from seglet.values import did_you_mean

KNOWN_CLASSES = ("ade20k", "camvid", "cityscapes", "coco", "voc", "world")
"""Data sets whose classes are known."""


def find_classes(source: str) -> Classes:
    """Returns the classes of a well-known data set, of a description or of a text file.

    Raises:
        ValueError: the source is none of these.
    """
    if source == "world":
        return WORLD_CLASSES
    tables = {
        "ade20k": numbered_table(f"class_{number}" for number in range(1, ade20k._NUM_CLASSES + 1)),
        "camvid": camvid.CAMVID_TABLE,
        "cityscapes": cityscapes.CITYSCAPES_TRAIN_IDS,
        "coco": coco.COCO_TABLE,
        "voc": voc.VOC_TABLE,
    }
    if source in tables:
        return classes_of(tables[source])
    path = Path(source)
    if path.is_dir():
        path = find_description(path) or path / DESCRIPTION_FILE
    if not path.is_file():
        known = ", ".join(KNOWN_CLASSES)
        hint = did_you_mean(source, KNOWN_CLASSES)
        raise ValueError(f"there are no classes {source!r}{hint}; give {known}, a dataset.json or a text file")
    described = path.suffix == ".json" and path.read_bytes().lstrip()[:1] == b"{"  # a table is a list
    return load_description(path).classes if described else classes_of(read_class_table(path))
