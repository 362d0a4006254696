"""A darkened copy of a data set: its files, the darkening of each image, and its description."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seglet._version import __version__
from seglet.data.class_table import ClassEntry
from seglet.data.dark.night_camera import NightCamera
from seglet.data.dark.parameters import Darkening
from seglet.data.dark.pipeline import darken_image
from seglet.data.description import WHOLE_SPLIT, Description, ImageItem, TagOrigin
from seglet.data.description_files import DESCRIPTION_FILE, delete_description
from seglet.data.errors import DataError
from seglet.files import content_hash, path_below, read_bytes, read_json, replace_atomically, write_json, write_text
from seglet.images import write_mask, write_png16
from seglet.inference.training_set import write_tags

DrawDarkening = Callable[[int, str], Darkening | NightCamera]
"""A function from a seed and the id of an image to its parameters: a method of `DarkeningRanges`, for example."""


@dataclass(frozen=True)
class DarkenTask:
    """The work on one image; `name` is its path below images/, masks/ and parameters/."""

    item: ImageItem
    name: str
    out: Path

    @property
    def sources(self) -> tuple[Path, ...]:
        return (self.item.image,) if self.item.mask is None else (self.item.image, self.item.mask)

    @property
    def results(self) -> tuple[Path, ...]:
        masks = () if self.item.mask is None else (self.mask,)
        return (self.image, *masks, self.parameters)

    @property
    def image(self) -> Path:
        return path_below(self.out / "images", self.name, ".png")

    @property
    def mask(self) -> Path:
        return path_below(self.out / "masks", self.name, ".png")

    @property
    def parameters(self) -> Path:
        return path_below(self.out / "parameters", self.name, ".json")


def darken_tasks(description: Description, out: Path) -> list[DarkenTask]:
    """Returns a task for each image, once for all splits that it is in.

    Raises:
        DataError: two images would get the same name.
    """
    found: dict[Path, DarkenTask] = {}
    apart = _apart(description)
    for split, items in description.splits.items():
        for item in items:
            name = f"{split}/{item.id}" if apart else item.id
            known = found.get(item.image)
            if known is None or known.item.mask is None:  # unlabelled in one split, labelled in another
                found[item.image] = DarkenTask(item, name, out)
    counts = Counter(task.name.casefold() for task in found.values())
    if twice := [task for task in found.values() if counts[task.name.casefold()] > 1]:
        files = " and ".join(str(task.item.image) for task in twice[:2])
        raise DataError(f"{files} would both become {twice[0].name}.png; rename one of them and check again")
    return list(found.values())


def _apart(description: Description) -> bool:
    """Returns True if splits become folders: there are several, and no image is in two of them."""
    counts = Counter(item.image for items in description.splits.values() for item in items)
    return list(description.splits) != [WHOLE_SPLIT] and max(counts.values()) == 1


def darken_one(
    draw: DrawDarkening, seed: int, description: Description, task: DarkenTask, *, bits: int = 8
) -> dict[str, Any]:
    """Writes the darkened image, of 8 or 16 bits, its mask, and then the parameters that were drawn for its id."""
    item = task.item
    image = description.read_image(item)
    parameters = draw(seed, item.id)
    with replace_atomically(task.image) as temporary:
        if bits == 16:
            write_png16(temporary, darken_image(image.astype(np.uint16) * 257, parameters))
        else:
            Image.fromarray(darken_image(image, parameters)).save(temporary, "PNG", compress_level=3)
    hashes = {"of": item.image_hash or content_hash(read_bytes(item.image)), "image": _hash(task.image)}
    labels = description.read_labels(item)
    if labels is not None:
        if labels.shape != image.shape[:2]:
            raise DataError(f"mask {str(item.mask)!r} is not of the size of its image; export it again")
        write_mask(task.mask, labels, description.classes)
        hashes["mask"] = _hash(task.mask)
    write_json(task.parameters, {"seglet": __version__, "hashes": hashes, "parameters": parameters.as_dict()})
    return {}


def _hash(path: Path) -> str:
    return content_hash(read_bytes(path))


def describe_dark(description: Description, out: Path, done: Collection[str]) -> None:
    """Writes dataset.json, tags.json and, where splits share images, lists/ for the tasks that are `done`."""
    there = {task.item.image: task for task in darken_tasks(description, out) if task.name in done}
    delete_description(out)  # a description of something else until the end
    splits = {
        name: tuple(_dark(item, there[item.image]) for item in items if item.image in there)
        for name, items in description.splits.items()
    }
    if not _apart(description) and list(splits) != [WHOLE_SPLIT]:
        for name, items in splits.items():
            names = "".join(f"{item.id.rsplit('/', 1)[-1]}\n" for item in items)
            write_text(path_below(out / "lists", name, ".txt"), names)
    colours = zip(description.classes.names, description.classes.colours, strict=True)
    entries = tuple(ClassEntry(label, name, colour) for label, (name, colour) in enumerate(colours))
    dark = replace(description, root=out.resolve(), layout="folders", entries=entries, splits=splits, coding="index")
    replace(dark, stray=0.0, tags=_tags(description, splits, out)).save(out / DESCRIPTION_FILE)


def _dark(item: ImageItem, task: DarkenTask) -> ImageItem:
    hashes: Mapping[str, str] = read_json(task.parameters)["hashes"]
    image, mask = task.image.resolve(), None if item.mask is None else task.mask.resolve()
    return replace(item, image=image, mask=mask, image_hash=hashes["image"], mask_hash=hashes["mask"] if mask else "")


def _tags(description: Description, splits: Mapping[str, tuple[ImageItem, ...]], out: Path) -> TagOrigin | None:
    """Returns the origin of the copy's tags: those of a file are written again, those of masks follow from them."""
    if description.tags is None:
        return None
    if description.tags.form == "masks":
        return TagOrigin("masks", (out / "masks").resolve())
    names, home = description.classes.names, out.resolve()
    tagged = {item.image: item.tags for items in splits.values() for item in items if item.tags is not None}
    named = {image.relative_to(home).as_posix(): [names[label] for label in tags] for image, tags in tagged.items()}
    write_tags(out, named)
    return TagOrigin("json", home / "tags.json", _hash(out / "tags.json"))
