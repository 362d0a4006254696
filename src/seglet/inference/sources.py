"""Models and data in the forms callers name them: paths, objects, methods, pairs of images and masks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seglet.data.dataset import Dataset, Sample
from seglet.data.description_files import find_description
from seglet.data.errors import DataError
from seglet.data.folder_dataset import present_classes
from seglet.data.layouts.infer import infer_layout
from seglet.data.opening import open_dataset
from seglet.data.shards.manifest import find_manifest
from seglet.images import MAX_PIXELS, read_mask
from seglet.inference.calibrate import CalibrationData
from seglet.inference.from_tags import Adapting, TagPredictor, open_method
from seglet.inference.models import choose_device, load_model
from seglet.models.image_tensor import ImageLike, as_uint8, image_batch
from seglet.models.segmenter import Segmenter
from seglet.types import Classes


@dataclass(frozen=True)
class LabelMethod:
    """A method that makes masks from tags, in place of a model.

    `source` is its name, the path of its experiment (YAML) or of a run of it; `keys` are keys in place of those there.
    `adapting` lets it remember the images before it predicts them, `calibrating` are images with masks on which the
    thresholds of its classes are chosen.
    """

    source: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    adapting: Adapting = "none"
    calibrating: CalibrationData | None = None


ModelLike = Segmenter | TagPredictor | LabelMethod | str | PathLike[str]
"""A model, a run, the folder of one of them, an exported file, or a name on the hub."""

LogitsFunction = Callable[[Tensor], Tensor]
"""A function from images [b, 3, h, w] in [0, 1] to class logits, of any resolution."""

MaskLike = np.ndarray | Tensor | str | PathLike[str]
"""Label ids [h, w], 255 for void, or the path of a mask that holds them."""

DataLike = Dataset | str | PathLike[str] | Iterable[Sample | tuple[ImageLike, MaskLike]]
"""A data set, its folder or dataset.json, `world…`, or samples, or pairs of an image and its mask."""


def is_data_set(folder: Path) -> bool:
    """Returns True for a folder that is described, or that has masks beside its images."""
    if not folder.is_dir() or find_description(folder) is not None or find_manifest(folder) is not None:
        return folder.is_dir()
    try:
        found = infer_layout(folder, None)
    except DataError:
        return False
    return any(item.mask is not None for items in found.splits.values() for item in items)


def open_predictor(
    model: ModelLike,
    device: str | None = None,
    data: Dataset | None = None,
    data_name: str | None = None,
    on_classes: Callable[[Classes], None] | None = None,
) -> Segmenter | TagPredictor:
    """Returns the model on a device, loaded if a path or a name is given.

    Args:
        model: the model, or where it is.
        device: where it computes; None for the device it is on, or a GPU if there is one for a model to be loaded.
        data: images whose classes a `LabelMethod` is to find.
        data_name: name of these data.
        on_classes: is called with the classes of a `LabelMethod` before anything costly begins.

    Raises:
        ValueError: there is no such model or device.
    """
    if isinstance(model, LabelMethod):
        return open_method(model.source, data, data_name, device or "auto", model.keys, on_classes)
    if isinstance(model, TagPredictor):
        return model
    if isinstance(model, Segmenter):
        return model if device is None else model.to(choose_device(device))
    return load_model(fspath(model), device or "auto")


def open_images_with_masks(
    data: DataLike, split: str, classes: Classes | None, resize: float = 1.0, max_pixels: int | None = None
) -> Dataset:
    """Returns the data as a data set whose masks keep their size; images of one on disk are read at `resize`.

    Raises:
        ValueError: there are no such data, or only pairs and no classes.
    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | PathLike):
        return open_dataset(str(data), split, resize=resize, whole_masks=True)
    if classes is None:
        raise ValueError("images and masks alone do not name their classes; give `classes`, such as a list of names")
    return PairedDataset(list(data), classes, max_pixels)


class PairedDataset(Dataset):
    """Images with their masks, in memory or as files; each image is called by its file or its place.

    Files of more than `max_pixels` pixels, 64 million if not given, are refused.
    """

    def __init__(
        self, pairs: Sequence[Sample | tuple[ImageLike, MaskLike]], classes: Classes, max_pixels: int | None = None
    ) -> None:
        self.max_pixels = max_pixels
        self.pairs, self.classes, self.fingerprint = pairs, classes, "unknown"
        self.ids = tuple(_name(pair, index) for index, pair in enumerate(pairs))

    def read(self, index: int) -> Sample:
        """Returns one pair as a sample.

        Raises:
            DataError: a file cannot be read.
            ValueError: it is not a pair of an image and a mask.
        """
        pair = self.pairs[index]
        if isinstance(pair, Sample):
            return pair
        image, mask = _checked_pair(pair)
        pixels = as_uint8(image_batch(image, max_pixels=self.max_pixels))
        labels = _label_ids(mask, self.ids[index], self.max_pixels or MAX_PIXELS)
        return Sample(self.ids[index], pixels, labels, present_classes(labels, self.classes))


def _name(pair: Sample | tuple[ImageLike, MaskLike], index: int) -> str:
    if isinstance(pair, Sample):
        return pair.id
    image, _ = _checked_pair(pair)
    return f"{index} {Path(image).name}" if isinstance(image, str | PathLike) else str(index)


def _checked_pair(pair: object) -> tuple[ImageLike, MaskLike]:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ValueError(f"expected pairs (image, mask) or samples of a data set, got {type(pair).__name__}")
    return pair[0], pair[1]


def _label_ids(mask: MaskLike, name: str, max_pixels: int) -> np.ndarray:
    if isinstance(mask, str | PathLike):
        mask = read_mask(Path(mask), max_pixels)
    labels = mask.cpu().numpy() if isinstance(mask, torch.Tensor) else np.asarray(mask)
    if labels.ndim != 2 or labels.dtype.kind not in "ui" or labels.min(initial=0) < 0 or labels.max(initial=0) > 255:
        raise ValueError(f"mask of image {name!r}: expected label ids [h, w] from 0 to 255, got {labels.dtype} "
                         f"{list(labels.shape)}")  # fmt: skip
    return labels.astype(np.uint8)
