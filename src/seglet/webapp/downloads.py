"""Answers as files to take home: palette PNGs, COCO's JSON, LabelMe's. Axes: h rows, w columns."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float
from PIL import Image

from seglet.data.label_tools import coco_json, labelme
from seglet.data.label_tools.regions import AnnotatedImage, regions_from_labels
from seglet.files import read_json, write_json
from seglet.images import write_mask
from seglet.webapp.answers import Answer
from seglet.webapp.uploads import Dropped

Seen = tuple[Dropped, Answer]


def downloads(seen: Sequence[Seen], folder: Path) -> list[Path]:
    """A mask and LabelMe file for each image, zipped if there are several, and one file of COCO's; in a new folder.

    All at the size of the files that were dropped, and of the classes of the first answer.

    Raises:
        ValueError: there is nothing to write, or a class cannot be told apart from void.
    """
    if not seen:
        raise ValueError("nothing was segmented yet; drop an image first")
    classes = seen[0][1].classes
    folder.mkdir(parents=True, exist_ok=True)
    out = Path(tempfile.mkdtemp(dir=folder))
    regions: list[AnnotatedImage] = []
    for dropped, answer in seen:
        labels = np.array(_at(dropped, answer.labels, Image.Resampling.NEAREST))
        sure = np.array(_at(dropped, answer.confidence.astype(np.float32), Image.Resampling.BILINEAR))
        write_mask(out / "masks" / f"{dropped.stem}.png", labels, classes)
        regions.append(regions_from_labels(dropped.name, labels, classes, "polygons", sure))
    coco = coco_json.write_coco_json(out, regions, classes, "polygons").rename(out / "coco.json")
    shapes = labelme.write_labelme(out, regions, "polygons")
    for file in shapes.glob("*.json"):
        beside(file)
    return [*_offered(out / "masks", ".png", ""), coco, *_offered(shapes, ".json", "-labelme")]


def _at(dropped: Dropped, values: Float[np.ndarray, "h w"] | np.ndarray, how: Image.Resampling) -> Image.Image:
    return Image.fromarray(values).resize(dropped.size[::-1], how)


def beside(file: Path) -> None:
    """Makes a LabelMe file look for its image where it lies itself."""
    content = read_json(file)
    write_json(file, {**content, "imagePath": PurePosixPath(content["imagePath"]).name})


def _offered(folder: Path, suffix: str, kind: str) -> list[Path]:
    """The only file of a folder, its name with the kind; or all of them as an archive."""
    files = sorted(folder.glob(f"*{suffix}"))
    if len(files) > 1:
        return [Path(shutil.make_archive(str(folder), "zip", folder))]
    return [file.rename(folder.parent / f"{file.stem}{kind}{suffix}") for file in files]
