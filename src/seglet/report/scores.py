"""Scores of a report: sums over all images for its tables, and a few numbers of each image.

Axes: k classes, h rows, w columns, n pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8

from seglet.data.dark.measure import measure_darkness
from seglet.data.dataset import Dataset, Sample
from seglet.evaluation.boundary import BoundaryCounts
from seglet.evaluation.confusion import confusion_matrix
from seglet.evaluation.inference import predict_labels
from seglet.evaluation.result import Evaluation
from seglet.evaluation.scores import class_counts, mean_iou
from seglet.evaluation.slices import ScoreSlices
from seglet.inference.options import SegmentOptions
from seglet.inference.predict import learned_from_tags
from seglet.inference.segment import PredictedMaps, segment_image
from seglet.models.image_tensor import SMALLEST_SIDE
from seglet.models.onnx_segmenter import read_export_facts
from seglet.report.subject import ReportSubject
from seglet.types import IGNORE, Classes

_PIXELS_PER_IMAGE = 12
"""Pixels of a class whose features are kept of one image, at most."""
_PIXELS_PER_CLASS = 40
"""Pixels of a class in the map of features, after which no more are kept."""


@dataclass
class ImageScore:
    """Mean IoU, confusion matrix and darkness (stops below a well exposed image) of one image."""

    id: str
    miou: float
    confusion: Int64[np.ndarray, "k k"]
    stops: float


@dataclass
class ReportScores:
    """All scores of one subject, and features of some pixels with their true classes."""

    evaluation: Evaluation
    boundary: BoundaryCounts
    slices: ScoreSlices
    images: list[ImageScore] = field(default_factory=list)
    features: list[Float[np.ndarray, " c"]] = field(default_factory=list)
    feature_labels: list[int] = field(default_factory=list)

    @classmethod
    def empty(cls, classes: Classes) -> "ReportScores":
        """Returns the scores before the first image."""
        sums = Evaluation(classes)
        return cls(sums, BoundaryCounts(len(classes)), ScoreSlices(len(classes), classes.background))


def score_subjects(
    subjects: Sequence[ReportSubject], data: Dataset, progress: Callable[[int], object]
) -> list[ReportScores]:
    """Scores each subject on every image; `progress` gets the number of images so far, over all subjects.

    Raises:
        ValueError: an image has no mask; the message names it.
    """
    scores: list[ReportScores] = []
    for subject in subjects:
        scores.append(ReportScores.empty(subject.model.classes))
        rng = np.random.default_rng(0)
        for index in range(len(data)):
            _add_sample(subject, data.read(index), scores[-1], rng)
            progress(len(data) * (len(scores) - 1) + index + 1)
    return scores


def _add_sample(subject: ReportSubject, sample: Sample, scores: ReportScores, rng: np.random.Generator) -> None:
    predicted, labels = predict_sample(subject, sample), true_labels(sample)
    matrix = confusion_matrix(predicted.labels, labels, len(subject.model.classes)).numpy()
    tensors = (torch.from_numpy(values.copy()) for values in (labels, predicted.labels, predicted.confidence))
    scores.evaluation.add(sample.id, *tensors)
    scores.boundary.add(predicted.labels, labels)
    stops = measure_darkness(sample.image).stops
    scores.slices.add(matrix, stops)
    scores.images.append(ImageScore(sample.id, float(mean_iou(class_counts(matrix))), matrix, stops))
    _keep_features(subject, sample, labels, scores, rng)


def true_labels(sample: Sample) -> UInt8[np.ndarray, "h w"]:
    """Returns the labels of a sample.

    Raises:
        ValueError: it has none.
    """
    if sample.labels is None:
        raise ValueError(f"image {sample.id!r} has no mask; report on a split that has masks")
    return sample.labels


@torch.inference_mode()
def predict_sample(subject: ReportSubject, sample: Sample) -> PredictedMaps:
    """Predicts a sample at the size of its mask, as `seglet evaluate` does."""
    model, size = subject.model, true_labels(sample).shape
    if learned_from_tags(model):
        return segment_image(model, sample.image, SegmentOptions(), subject.depth(sample))
    if min(sample.image.shape[:2]) < SMALLEST_SIDE and size == sample.image.shape[:2]:
        return segment_image(model, sample.image, SegmentOptions(), subject.depth(sample))
    decision = predict_labels(model, model.prepare(sample.image, subject.depth(sample)), (size[0], size[1]))
    return PredictedMaps(decision.labels[0].numpy(), decision.confidence[0].numpy())


@torch.inference_mode()
def _keep_features(
    subject: ReportSubject,
    sample: Sample,
    labels: UInt8[np.ndarray, "h w"],
    scores: ReportScores,
    rng: np.random.Generator,
) -> None:
    """Keeps features of pixels whose classes do not have enough yet; exported networks have no features."""
    kept = np.bincount(scores.feature_labels, minlength=len(subject.model.classes))
    wanted = [int(label) for label in np.unique(labels) if label != IGNORE and kept[label] < _PIXELS_PER_CLASS]
    if not wanted or read_export_facts(subject.model) is not None or min(sample.image.shape[:2]) < SMALLEST_SIDE:
        return
    images = subject.model.prepare(sample.image, subject.depth(sample))
    feature = subject.model.network(images).feature[0].float().cpu().numpy()
    rows = np.arange(feature.shape[1]) * labels.shape[0] // feature.shape[1]
    columns = np.arange(feature.shape[2]) * labels.shape[1] // feature.shape[2]
    coarse = labels[rows][:, columns]
    for label in wanted:
        positions = np.argwhere(coarse == label)
        for y, x in rng.permutation(positions)[:_PIXELS_PER_IMAGE]:
            scores.features.append(feature[:, y, x])
            scores.feature_labels.append(label)
