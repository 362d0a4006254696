"""What a model makes of every image: sums for the tables, and for each image a few numbers that are kept.

Axes: k classes, h rows, w columns, n pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8

from seglet.data.dark.measure import measure_darkness
from seglet.data.dataset import Dataset, Sample
from seglet.evaluation.boundary import Boundary
from seglet.evaluation.confusion import confusion
from seglet.evaluation.inference import decide
from seglet.evaluation.result import Evaluation
from seglet.evaluation.scores import marginals, mean_iou
from seglet.evaluation.slices import Slices
from seglet.inference.predict import learned_from_tags
from seglet.inference.write import PredictedMaps, SegmentOptions, segment_image
from seglet.models.image_tensor import SMALLEST_SIDE
from seglet.models.onnx_segmenter import facts_in
from seglet.report.subject import Subject
from seglet.types import IGNORE, Classes

PIXELS = 12
"""Of each class in each image whose features are kept, until there are enough."""
ENOUGH = 40
"""Pixels of a class in the map of features."""


@dataclass
class ImageScore:
    """One image: how well its classes fit on average, what was taken for what, and how dark it is."""

    id: str
    miou: float
    confusion: Int64[np.ndarray, "k k"]
    stops: float


@dataclass
class Measured:
    """All of a subject's numbers."""

    evaluation: Evaluation
    boundary: Boundary
    slices: Slices
    images: list[ImageScore] = field(default_factory=list)
    features: list[Float[np.ndarray, " c"]] = field(default_factory=list)
    feature_labels: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, classes: Classes) -> "Measured":
        sums = Evaluation(classes)
        return cls(sums, Boundary(len(classes)), Slices(len(classes), classes.background))


def measure(subject: Subject, data: Dataset, progress: Callable[[int], object]) -> Measured:
    """Looks at every image once.

    Raises:
        ValueError: an image has no mask; it is named.
    """
    classes = subject.model.classes
    measured = Measured.of(classes)
    rng = np.random.default_rng(0)
    for index in range(len(data)):
        sample = data.read(index)
        found, labels = look(subject, sample), truth(sample)
        matrix = confusion(found.labels, labels, len(classes)).numpy()
        as_tensors = (torch.from_numpy(values.copy()) for values in (labels, found.labels, found.confidence))
        measured.evaluation.add(sample.id, *as_tensors)
        measured.boundary.add(found.labels, labels)
        stops = measure_darkness(sample.image).stops
        measured.slices.add(matrix, stops)
        measured.images.append(ImageScore(sample.id, float(mean_iou(marginals(matrix))), matrix, stops))
        _keep_features(subject, sample, labels, measured, rng)
        progress(index + 1)
    return measured


def truth(sample: Sample) -> UInt8[np.ndarray, "h w"]:
    if sample.labels is None:
        raise ValueError(f"image {sample.id!r} has no mask; report on a split that has masks")
    return sample.labels


@torch.inference_mode()
def look(subject: Subject, sample: Sample) -> PredictedMaps:
    """Classes at the size of the mask, as `seglet evaluate` finds them."""
    model, size = subject.model, truth(sample).shape
    if learned_from_tags(model):
        return segment_image(model, sample.image, SegmentOptions(), subject.depth(sample))
    if min(sample.image.shape[:2]) < SMALLEST_SIDE and size == sample.image.shape[:2]:
        return segment_image(model, sample.image, SegmentOptions(), subject.depth(sample))
    decision = decide(model, model.planes(sample.image, subject.depth(sample)), (size[0], size[1]))
    return PredictedMaps(decision.labels[0].numpy(), decision.confidence[0].numpy())


@torch.inference_mode()
def _keep_features(
    subject: Subject, sample: Sample, labels: UInt8[np.ndarray, "h w"], into: Measured, rng: np.random.Generator
) -> None:
    """Some pixels' features of the classes that have not enough yet; exported networks give none."""
    kept = np.bincount(into.feature_labels, minlength=len(subject.model.classes))
    wanted = [int(label) for label in np.unique(labels) if label != IGNORE and kept[label] < ENOUGH]
    if not wanted or facts_in(subject.model) is not None or min(sample.image.shape[:2]) < SMALLEST_SIDE:
        return
    images = subject.model.planes(sample.image, subject.depth(sample))
    feature = subject.model.network(images).feature[0].float().cpu().numpy()
    rows = np.arange(feature.shape[1]) * labels.shape[0] // feature.shape[1]
    columns = np.arange(feature.shape[2]) * labels.shape[1] // feature.shape[2]
    coarse = labels[rows][:, columns]
    for label in wanted:
        places = np.argwhere(coarse == label)
        for y, x in rng.permutation(places)[:PIXELS]:
            into.features.append(feature[:, y, x])
            into.feature_labels.append(label)
