"""`seglet.export`: a segmenter as an ONNX file that was compared with it."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

import numpy as np

from seglet.data.dataset import Dataset
from seglet.deploy.export import ExportOptions, export_segmenter
from seglet.images import MAX_PIXELS
from seglet.inference.job_report import JobReport
from seglet.models.image_tensor import ImageLike, as_uint8, image_batch
from seglet.models.segmenter import Segmenter


def export(
    model: Segmenter | str | PathLike[str],
    file: str | PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    images: str | PathLike[str] | Iterable[ImageLike] = (),
    int8: bool = False,
    data: str | PathLike[str] | Dataset | None = None,
    split: str = "val",
    overwrite: bool = False,
    max_pixels: int | None = None,
    with_preprocess: bool = False,
    with_confidence: bool = False,
) -> JobReport:
    """Writes a segmenter as an ONNX file, for onnxruntime, without PyTorch.

    The file takes RGB images in 0 to 1 and gives logits at their size. It is compared with the network on images of two
    sizes before it gets its name; where they disagree, there is no file. `seglet.load` reads it.

    Args:
        model: a segmenter; the folder of one or of a run; a run; or a name on the hub.
        file: the file to write, ending in .onnx.
        size: height and width of the images, for a graph of one size.
        images: images to compare on: a folder, or files, arrays and the like; if none, those of the data, or scenes.
        int8: also write FILE.int8.onnx with 8-bit numbers, and measure the mIoU that they cost on `data`.
        data: a data set with masks for that: its folder or dataset.json, `world…`, or what `open_dataset` returns.
        split: split of the data, if they are named.
        overwrite: replace a file that is there.
        max_pixels: pixels that an image in a file may have, 64 million if not given.
        with_preprocess: also write FILE.uint8.onnx, from uint8 [n, h, w, 3] to class ids, uint8 [n, h, w].
        with_confidence: that file also gives the probability of each class id.

    Returns:
        A report whose text says how large, how fast and how equal the file is.

    Raises:
        ValueError: there is no such model, it cannot be exported or disagrees with its graph, or the file is there.
    """
    named = str(data) if isinstance(data, PathLike) else data
    chosen = [Path(images)] if isinstance(images, str | PathLike) else [_path_or_array(image) for image in images]
    limit = max_pixels or MAX_PIXELS
    options = ExportOptions(
        Path(file), overwrite, size, chosen, int8, named, split, limit, with_preprocess, with_confidence
    )
    return export_segmenter(model, options)


def _path_or_array(image: ImageLike) -> Path | np.ndarray:
    return Path(image) if isinstance(image, str | PathLike) else as_uint8(image_batch(image))
