"""Files beside a data set that are not read: images and arrays in other formats, and annotations of other tools."""

import re
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from seglet.data.errors import Problem
from seglet.data.files import files_below
from seglet.data.label_tools.annotation_files import annotation_kind
from seglet.images import RAW_SUFFIXES

_IMAGES = RAW_SUFFIXES | {
    ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jpx", ".jxl", ".psd", ".svg", ".tga", ".exr", ".hdr", ".dcm", ".nii",
    ".gz", ".mha", ".nrrd", ".svs", ".ndpi", ".czi",
}  # fmt: skip
_ARRAYS = frozenset({".npy", ".npz", ".mat", ".h5", ".hdf5"})
_TEXTS = frozenset({".json", ".txt", ".xml", ".csv"})
_HEAD = 65536
_MANY, _SAMPLE = 20, 3
_IMPORT = "make masks of it: seglet data import {} --images {} --out NEW"
_TOOLS = {
    "labelme": ("LabelMe's shapes", _IMPORT),
    "coco": ("COCO's annotations", _IMPORT),
    "label-studio": ("Label Studio's tasks", _IMPORT),
    "cvat": ("CVAT's annotations", _IMPORT),
    "yolo": (
        "YOLO's boxes or polygons",
        "polygons become masks: seglet data import DIR --out NEW, with the folder that holds images/ and labels/ as "
        "DIR; boxes have no outline",
    ),
}
"""Names in messages for files of the tools that `seglet data import` reads, and what to do with them."""
_OTHERS = {
    ".json": (
        re.compile(rb'"(shape_attributes|_via_img_metadata)"'),
        ("annotations of VGG's annotator", "export them as COCO, which `seglet data import` reads"),
    ),
    ".csv": (
        re.compile(rb"\A[^\n]*(rle|encodedpixels)", re.IGNORECASE),
        ("run lengths", "decode them into masks as PNG"),
    ),
}


def unread_files(root: Path, places: Collection[Path], layout: str = "", read: Collection[Path] = ()) -> list[Problem]:
    """Returns a warning for each kind of file that is not read, with the number of files in each folder.

    Args:
        root: the folder of the data set.
        places: the folders of its images and masks; arrays elsewhere may be depth maps and are left alone.
        layout: the layout that was recognised; COCO's own files are read by its layout.
        read: files that are read, such as those with tags.
    """
    kinds: dict[tuple[Path, str, str], list[Path]] = defaultdict(list)
    for path in files_below(root, _IMAGES | _ARRAYS):
        suffix = "".join(path.suffixes[-2:]).lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
        if (suffix in _ARRAYS and path.parent not in places) or (suffix.endswith(".gz") and suffix != ".nii.gz"):
            continue
        kinds[path.parent, f"{suffix} files", "convert them to PNG, or photographs to JPEG"].append(path)
    for files in _by_folder(files_below(root, _TEXTS)):
        if layout == "coco" and files[0].parent.name == "annotations":
            continue
        for path in [file for file in files if file not in read]:
            kind, cure = _annotation(path)
            if kind:
                many = len(files) > _MANY and len({_annotation(file) for file in files[:: len(files) // _SAMPLE]}) == 1
                kinds[path.parent, f"files with {kind}", cure] += files if many else [path]
                if many:
                    break
            elif len(files) > _MANY:
                break
    return [_problem(folder, kind, cure, files) for (folder, kind, cure), files in kinds.items()]


def _by_folder(files: list[Path]) -> list[list[Path]]:
    """Returns the files grouped by folder and ending."""
    groups: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for file in files:
        groups[file.parent, file.suffix.lower()].append(file)
    return list(groups.values())


def _annotation(path: Path) -> tuple[str, str]:
    """Returns what a file holds and what to do with it; empty if it is no annotation."""
    suffix = path.suffix.lower()
    if suffix != ".csv" and (tool := annotation_kind(path)):
        return _TOOLS[tool]
    if suffix not in _OTHERS:
        return "", ""
    form, answer = _OTHERS[suffix]
    try:
        with path.open("rb") as file:
            return answer if form.search(file.read(_HEAD)) else ("", "")
    except OSError:
        return "", ""


def _problem(folder: Path, kind: str, cure: str, files: list[Path]) -> Problem:
    what = f"{len(files)} {kind} are not read by the check, such as {files[0].name!r}"
    source = files[0].name if len(files) == 1 else folder.name
    return Problem(str(folder), what, cure.format(source, "IMAGES"), "warning")
