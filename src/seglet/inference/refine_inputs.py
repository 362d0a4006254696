"""Inputs of `seglet refine`: score maps or masks, their images, and the class table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seglet.data.class_files.read import read_class_table
from seglet.data.class_files.search import find_class_file, mask_ending
from seglet.data.class_table import ClassTable
from seglet.data.files import files_below, image_files, image_name
from seglet.data.names import nearest_image_name
from seglet.inference.inputs import ImageFile, gather_images
from seglet.inference.score_maps import SCORE_SUFFIXES

_FOLDERS = ("scores", "masks")
"""Folders written by `seglet predict` that can be refined, the best first."""


@dataclass(frozen=True)
class RefineInput:
    """A score map or an index mask, its image, and the name of the results."""

    source: Path
    image: Path
    name: str


def find_map_folder(folder: Path) -> Path:
    """Returns the folder of score maps or masks: the given one, or one within a folder that `seglet predict` wrote.

    Raises:
        ValueError: there is no such folder.
    """
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is not a folder; give the folder of score maps or masks")
    return next((folder / name for name in _FOLDERS if (folder / name).is_dir()), folder)


def find_maps(folder: Path, out: Path) -> list[ImageFile]:
    """Returns the score maps below a folder or, if there are none, its masks; files below `out` are skipped.

    Raises:
        ValueError: there are neither.
    """
    found = files_below(folder, SCORE_SUFFIXES) or image_files(folder)
    own = [path for path in found if not path.resolve().is_relative_to(out.resolve())]
    if not own:
        raise ValueError(f"no score maps (.npy, .npz) and no masks in {str(folder)!r}; give the folder that holds them")
    return [ImageFile(path, image_name(path, folder)) for path in own]


def are_score_maps(found: Sequence[ImageFile]) -> bool:
    """Returns True if `find_maps` found score maps, and False for masks."""
    return found[0].path.suffix.lower() in SCORE_SUFFIXES


def find_class_table(given: Path | None, folder: Path) -> ClassTable:
    """Returns the class table that is given, or that is in the folder or beside it.

    Raises:
        ValueError: there is none, or it cannot be read.
    """
    if given is not None:
        return read_class_table(given)
    table = find_class_file((folder.parent, folder), mask_ending(folder)).table
    if table is None:
        cure = "say which classes there are with --classes FILE, a line `id name` for each"
        raise ValueError(f"no classes.txt in {str(folder)!r} or beside it; {cure}")
    return table.entries


def pair_with_images(
    found: Sequence[ImageFile], folder: Path, out: Path
) -> tuple[list[RefineInput], list[dict[str, str]]]:
    """Returns each file with the image of its name, and the files without an image or with the name of another file."""
    there = {image.name: image.path for image in gather_images([folder], out)}
    tasks: dict[str, RefineInput] = {}
    failed = []
    for source in found:
        if source.name in tasks:
            failed.append(
                _failure(source, f"same name as {tasks[source.name].source.name!r}; rename or remove one of them")
            )
        elif source.name in there:
            tasks[source.name] = RefineInput(source.path, there[source.name], source.name)
        else:
            near = nearest_image_name(source.name, there)
            hint = f" (there is {near!r})" if near else ""
            failed.append(_failure(source, f"no image {source.name!r} in {str(folder)!r}{hint}; add or rename it"))
    return list(tasks.values()), failed


def _failure(source: ImageFile, reason: str) -> dict[str, str]:
    return {"file": str(source.path), "reason": reason}
