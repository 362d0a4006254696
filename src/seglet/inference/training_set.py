"""Files of a data set of pseudo labels: images, masks, tags, and a split with true masks to score on.

images/NAME, masks/NAME.png, tags.json; with another split, all of these in train/ and the others in val/.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from seglet.data.description_files import delete_description
from seglet.data.errors import DataError
from seglet.data.files import IMAGE_SUFFIXES, image_files, image_name
from seglet.data.opening import open_dataset
from seglet.files import delete_path, path_below, replace_atomically, write_json
from seglet.images import write_mask
from seglet.inference.inputs import ImageFile
from seglet.inference.models import check_classes
from seglet.types import Classes

_MADE = ("masks", "overlays", "confidence", "scores", "tags.json", ".seglet")


def clear_earlier_results(out: Path) -> None:
    """Deletes the results of an earlier call, as files that are not replaced would be trained on.

    Images with a mask and links are deleted; other images belong to somebody else and stay.

    Raises:
        DataError: the folder holds a `dataset.json` of another program.
    """
    delete_description(out)
    images = out / "images"
    for path in image_files(images) if images.is_dir() else []:
        if path.is_symlink() or path_below(out / "masks", image_name(path, images), ".png").is_file():
            delete_path(path)
    for name in _MADE:
        delete_path(out / name)


def link_image(image: ImageFile, out: Path) -> Path:
    """Links to the image under the name of its mask, or copies it where links are impossible; returns the new path."""
    suffix = image.path.suffix.lower()
    path = path_below(out / "images", image.name, suffix if suffix in IMAGE_SUFFIXES else ".png")
    with replace_atomically(path) as temporary:
        if image.draw is not None:
            Image.fromarray(image.draw()).save(temporary, "PNG")
            return path
        try:
            temporary.symlink_to(image.path.resolve())
        except (OSError, NotImplementedError):  # a file system or a Windows account without links
            shutil.copyfile(image.path, temporary)
    return path


def copy_scored_split(data: str, split: str, classes: Classes, out: Path) -> int:
    """Copies the images and true masks of a split to val/; returns how many there are.

    Raises:
        ValueError: there is no such split, it has other classes, or an image has no mask.
    """
    samples = open_dataset(data, split)
    check_classes(classes, samples.classes)
    for index in range(len(samples)):
        sample = samples.read(index)
        if sample.labels is None:
            raise DataError(f"image {sample.id!r} of {data!r} has no mask to score on; choose another --score-split")
        with replace_atomically(path_below(out / "images/val", sample.id, ".png")) as temporary:
            Image.fromarray(sample.image).save(temporary, "PNG")
        write_mask(path_below(out / "masks/val", sample.id, ".png"), sample.labels, classes)
    return len(samples)


def write_tags(out: Path, tags: Mapping[str, Sequence[str]]) -> None:
    """Writes the class names of each image, by the path of its link."""
    write_json(out / "tags.json", {name: list(names) for name, names in tags.items()})
