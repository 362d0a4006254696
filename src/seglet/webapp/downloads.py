"""Predictions as files for download: palette PNGs, COCO JSON, LabelMe JSON. Axes: h rows, w columns."""

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
from seglet.webapp.predictors import ImagePrediction
from seglet.webapp.uploads import Upload

PredictedUpload = tuple[Upload, ImagePrediction]
"""An uploaded image and its prediction."""


def write_downloads(predicted: Sequence[PredictedUpload], folder: Path) -> list[Path]:
    """Writes masks and LabelMe files, zipped if there are several images, and a COCO file into a new folder.

    All have the size of the uploaded files and the classes of the first prediction.

    Raises:
        ValueError: there is nothing to write, or a class has the name of void.
    """
    if not predicted:
        raise ValueError("nothing was segmented yet; drop an image first")
    classes = predicted[0][1].classes
    folder.mkdir(parents=True, exist_ok=True)
    out = Path(tempfile.mkdtemp(dir=folder))
    regions: list[AnnotatedImage] = []
    for upload, prediction in predicted:
        labels = np.array(_at_file_size(upload, prediction.labels, Image.Resampling.NEAREST))
        confidence = np.array(
            _at_file_size(upload, prediction.confidence.astype(np.float32), Image.Resampling.BILINEAR)
        )
        write_mask(out / "masks" / f"{upload.stem}.png", labels, classes)
        regions.append(regions_from_labels(upload.name, labels, classes, "polygons", confidence))
    coco = coco_json.write_coco_json(out, regions, classes, "polygons").rename(out / "coco.json")
    shapes = labelme.write_labelme(out, regions, "polygons")
    for file in shapes.glob("*.json"):
        _point_to_image_beside(file)
    return [*_one_file_or_archive(out / "masks", ".png", ""), coco, *_one_file_or_archive(shapes, ".json", "-labelme")]


def _at_file_size(upload: Upload, values: Float[np.ndarray, "h w"] | np.ndarray, how: Image.Resampling) -> Image.Image:
    return Image.fromarray(values).resize(upload.size[::-1], how)


def _point_to_image_beside(file: Path) -> None:
    """Makes a LabelMe file name its image without a folder, as if the two lay side by side."""
    content = read_json(file)
    write_json(file, {**content, "imagePath": PurePosixPath(content["imagePath"]).name})


def _one_file_or_archive(folder: Path, suffix: str, kind: str) -> list[Path]:
    """Returns the only file of a folder, with `kind` added to its name; or an archive of several."""
    files = sorted(folder.glob(f"*{suffix}"))
    if len(files) > 1:
        return [Path(shutil.make_archive(str(folder), "zip", folder))]
    return [file.rename(folder.parent / f"{file.stem}{kind}{suffix}") for file in files]
