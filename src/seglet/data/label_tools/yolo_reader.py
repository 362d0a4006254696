"""Reads the texts of YOLO: for each image a file with a class number and an outline on every line."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from seglet.data.class_files.search import find_class_file
from seglet.data.errors import DataError
from seglet.data.files import image_name
from seglet.data.label_tools.collecting import RegionCollector, box_corners
from seglet.data.label_tools.exchange import AnnotationEntry, Size, ToolAnnotations, settled_size
from seglet.data.label_tools.recognise import is_yolo
from seglet.data.label_tools.regions import AnnotatedImage, names_without_void
from seglet.files import read_bytes

_OTHER_TEXTS = re.compile(
    r"(_?classes|(class_?|obj)?names|labels|train|val|valid|test|trainval|list|notes|readme.*|licen[cs]e.*)\.txt",
    re.IGNORECASE,
)
"""Texts that lie beside annotations and are none."""
_EXPECTED = "expected a class number and x, y, x, y, … from 0 to 1 on each line"


def yolo_files(folder: Path) -> list[Path]:
    """Returns the texts of YOLO below a folder, with empty and broken ones that lie among them; none if it has none."""
    texts = [path for path in sorted(folder.rglob("*.txt")) if path.is_file() and not _OTHER_TEXTS.fullmatch(path.name)]
    homes = {path.parent for path in texts if is_yolo(_text(path))}
    return [path for path in texts if path.parent in homes]


def read_yolo(folder: Path, files: Sequence[Path]) -> ToolAnnotations:
    """Reads the texts `files` below `folder`; later outlines lie over earlier ones.

    The names of classes are those of a data.yaml, classes.txt or the like in the folder, beside it, or among the texts.

    Raises:
        DataError: no such file names the classes.
    """
    homes = [folder, *dict.fromkeys(path.parent for path in files), folder.parent, folder.parent.parent]
    table = find_class_file(homes).table
    if table is None:
        raise DataError(
            f"YOLO's texts in {str(folder)!r} hold numbers of classes that no file names; add classes.txt there, with "
            "a name on each line"
        )
    names = {entry.id: entry.name for entry in table.entries}
    poses = any(_has_keypoints(home) for home in homes)
    entries = tuple(AnnotationEntry(_image(path, folder), path) for path in files)
    return ToolAnnotations(folder, names_without_void(names.values()), entries, partial(_decode, names, poses))


def _image(path: Path, folder: Path) -> str:
    """Returns the path of the image, whose suffix is not known, without folders called labels."""
    parts = image_name(path, folder).split("/")
    return "/".join([part for part in parts[:-1] if part.lower() != "labels"] + parts[-1:])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""


def _has_keypoints(folder: Path) -> bool:
    return any("kpt_shape" in _text(file) for file in _yaml_files(folder))


def _yaml_files(folder: Path) -> Iterable[Path]:
    return [folder / name for name in ("data.yaml", "data.yml", "dataset.yaml") if (folder / name).is_file()]


def _decode(names: Mapping[int, str], poses: bool, entry: AnnotationEntry, size: Size | None) -> AnnotatedImage:
    path: Path = entry.content
    text = _text(path) if path.stat().st_size == 0 else read_bytes(path).decode("utf-8-sig", "replace")
    found = RegionCollector(settled_size(None, size))
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        if not is_yolo(line):
            raise DataError(f"line {number} of {path.name} is {line.strip()[:40]!r}; {_EXPECTED}")
        label, *numbers = line.split()
        if int(label) not in names:
            raise DataError(f"line {number} of {path.name} has class {label}; {len(names)} classes are named")
        _add(names[int(label)], [float(part) for part in numbers], poses, found)
    return found.image(entry.file)


def _add(name: str, numbers: list[float], poses: bool, found: RegionCollector) -> None:
    confidence = numbers.pop() if len(numbers) % 2 and not poses else None
    if poses:
        found.passed_over["keypoints"] += 1
    elif len(numbers) == 4:
        x, y, across, down = numbers
        corners = box_corners(x - across / 2, y - down / 2, x + across / 2, y + down / 2)
        found.add_sparse("box without outline", "box", name, corners * [found.size[1], found.size[0]])
    else:
        corners = np.array(numbers, np.float64).reshape(-1, 2) * [found.size[1], found.size[0]]
        found.add_polygon("polygon", name, corners, confidence)
