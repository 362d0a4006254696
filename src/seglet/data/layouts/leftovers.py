"""Files beside a data set that are not read: images and arrays in other formats, and annotations of other tools."""

import re
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from seglet.data.errors import Problem
from seglet.data.files import files_below
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
_POLYGONS = (
    "YOLO's boxes or polygons",
    re.compile(rb"\d+([ \t]+\d*\.\d+([eE]-?\d+)?){4,}\s"),
    "convert them to COCO or another format that `seglet data import` reads",
)
_FORMS = {
    ".txt": [_POLYGONS],
    ".json": [
        ("LabelMe's shapes", re.compile(rb'"shapes"\s*:(?s:.*)"imagePath"|"imagePath"(?s:.*)"shapes"'), _IMPORT),
        ("COCO's annotations", re.compile(rb'"(annotations|categories)"(?s:.*)"(file_name|segmentation)"|'
                                          rb'"file_name"(?s:.*)"(annotations|categories)"'), _IMPORT),
        ("Label Studio's tasks", re.compile(rb'\[\s*\{(?s:.*)"(annotations|completions)"(?s:.*)"result"'), _IMPORT),
        ("annotations of VGG's annotator", re.compile(rb'"(shape_attributes|_via_img_metadata)"'),
         "export them as COCO, which `seglet data import` reads"),
    ],
    ".xml": [("CVAT's annotations", re.compile(rb"<annotations>(?s:.*)<image "), _IMPORT)],
    ".csv": [("run lengths", re.compile(rb"(?i)[^\n]*(rle|encodedpixels)"), "decode them into masks as PNG")],
}  # fmt: skip


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
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return "", ""
    for kind, form, cure in _FORMS[path.suffix.lower()]:
        if form.match(head.lstrip(b"\xef\xbb\xbf")) if path.suffix.lower() in (".txt", ".csv") else form.search(head):
            return kind, cure
    return "", ""


def _problem(folder: Path, kind: str, cure: str, files: list[Path]) -> Problem:
    what = f"{len(files)} {kind} are not read by the check, such as {files[0].name!r}"
    source = files[0].name if len(files) == 1 else folder.name
    return Problem(str(folder), what, cure.format(source, "IMAGES"), "warning")
