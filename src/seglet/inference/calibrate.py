"""Calibration of the thresholds of a method's class scores on images with masks.

Axes: f foreground classes, n bins of scores, h rows, w columns.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from seglet.data.dataset import Dataset
from seglet.data.errors import DataError
from seglet.data.opening import open_dataset
from seglet.engine.console import ProgressDisplay
from seglet.inference.from_tags import TagPredictor
from seglet.inference.models import check_classes
from seglet.methods.protocols import ThresholdedScores
from seglet.models.image_tensor import image_batch
from seglet.tensors import resize_half_pixel
from seglet.types import tag_vector, without_background

_BINS = 100


@dataclass(frozen=True)
class CalibrationData:
    """Images with masks on which thresholds are chosen: the name or folder of a data set, and its split."""

    data: str
    split: str = "train"


@dataclass(frozen=True)
class ClassThreshold:
    """Threshold of a class and the IoU that it gives on the pixels it was chosen on; `iou` is None if none were."""

    name: str
    threshold: float
    iou: float | None
    images: int

    def __str__(self) -> str:
        if self.iou is None:
            return f"class {self.name!r}: no image of it, so its threshold stays {self.threshold:g}"
        score = f"IoU {100 * self.iou:.1f} % (images with it: {self.images})"
        return f"class {self.name!r}: threshold {self.threshold:g}, {score}"


def calibrate(predictor: TagPredictor, source: CalibrationData) -> list[ClassThreshold]:
    """Chooses the threshold of each class and gives them to the method.

    A class is scored alone, against all that is not this class, in the images whose mask has it. A class that no image
    has keeps its threshold.

    Args:
        predictor: the method and its classes.
        source: images with masks, of the same classes.

    Raises:
        ValueError: the method has no thresholds, there are no such data, or none of the images has a mask.
    """
    if not isinstance(predictor.method, ThresholdedScores):
        raise ValueError("this method has no thresholds of scores to calibrate; choose concepts, or do not calibrate")
    before = predictor.method.threshold_of_each().tolist()
    data = open_dataset(source.data, source.split, whole_masks=True)
    check_classes(predictor.classes, data.classes)
    counts, images = _count(predictor, data)
    if not images.any():
        where = f"{source.data!r}, split {source.split},"
        raise DataError(f"no image of {where} has a mask with one of the classes; calibrate on another split")
    names = list(predictor.classes.foreground.values())
    found = [_chosen(name, counts[place], float(before[place]), int(images[place])) for place, name in enumerate(names)]
    predictor.method.set_thresholds(torch.tensor([one.threshold for one in found]))
    return found


@torch.inference_mode()
def _count(predictor: TagPredictor, data: Dataset) -> tuple[Int64[Tensor, "f 2 n"], Int64[Tensor, " f"]]:
    """Returns how many pixels beside and of each class have a score in each bin, and the images with the class."""
    assert isinstance(predictor.method, ThresholdedScores)
    number = len(predictor.classes)
    counts = torch.zeros(number - 1, 2, _BINS, dtype=torch.int64)
    images = torch.zeros(number - 1, dtype=torch.int64)
    with ProgressDisplay("calibrate", len(data), "images") as steps:
        for index in range(len(data)):
            sample = data.read(index)
            present = (
                [] if sample.labels is None else sorted({*np.unique(sample.labels).tolist()} & set(range(1, number)))
            )
            if sample.labels is not None and present:
                labels = torch.from_numpy(np.ascontiguousarray(sample.labels)).long()
                tags = without_background(tag_vector(present, number)[None]).to(predictor.device)
                image = image_batch(sample.image).to(predictor.device)
                scores = resize_half_pixel(predictor.method.class_scores(image, tags), labels.shape)[0].cpu()
                bins = (scores * _BINS).long().clamp(0, _BINS - 1)
                valid = labels < number
                for label in present:
                    own, place = (labels == label)[valid].long(), label - 1
                    both = torch.bincount(own * _BINS + bins[place][valid], minlength=2 * _BINS)
                    counts[place] += both.view(2, _BINS)
                    images[place] += 1
            steps.advance(index + 1)
    return counts, images


def _chosen(name: str, counts: Int64[Tensor, "2 n"], before: float, images: int) -> ClassThreshold:
    if not images:
        return ClassThreshold(name, before, None, 0)
    above = counts.flip(1).cumsum(dim=1).flip(1)  # pixels at or above the lower end of each bin
    union = above[0] + counts[1].sum()
    iou = (above[1] / union)[1:]  # a threshold of 0 leaves no background
    best = (iou == iou.max()).nonzero()[:, 0]
    place = int(best[len(best) // 2]) + 1  # the middle of a plateau
    return ClassThreshold(name, place / _BINS, float(iou.max()), images)
