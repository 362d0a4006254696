"""Images of a report: the choice of those to show, and the layers of each as thumbnails. Axes: h rows, w columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from seglet.data.dataset import Dataset, Sample
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import learned_from_tags, predict_maps, refined_probabilities
from seglet.models.layers.dropout import has_active_dropout
from seglet.models.onnx_segmenter import read_export_facts
from seglet.report.data_uris import grey_uri, image_uri, jpeg_uri, mask_uri
from seglet.report.scores import ReportScores, predict_sample, true_labels
from seglet.report.subject import ReportSubject
from seglet.types import IGNORE

_LONGEST = 224
"""Longer side of a thumbnail in pixels."""
_BUDGET = 3_600_000
"""Characters of all layers together; images beyond it are left out."""
WORST_SHOWN, BEST_SHOWN = 12, 6
"""Images that are shown of those with the lowest and the highest score."""
_CELLS, _IMAGES_PER_CELL = 30, 3
"""Cells of the confusion matrix that have images to show, and how many each has."""
_WORSE_IMAGES = 8
"""Images shown for each further run that are worse in it than in the first."""
_SAMPLES = 8
"""Monte-Carlo passes for the uncertainty."""
_RIGHT, _WRONG = (40, 40, 40), (255, 60, 0)
"""Colours of the layer of differences."""


@dataclass
class ReportImage:
    """An image of the page: its index in the data, its size (h, w), and its layers by name, as data URIs."""

    index: int
    image: str
    size: tuple[int, int]
    layers: dict[str, str] = field(default_factory=dict)

    @property
    def characters(self) -> int:
        """Number of characters in the page."""
        return len(self.image) + sum(map(len, self.layers.values()))


def choose_report_images(scores: Sequence[ReportScores]) -> list[int]:
    """Returns the indices of the images to show, the most important first.

    These are the worst of the first subject, those that are worse in others, its best, and those of large errors.
    """
    first = scores[0]
    values = np.array([image.miou for image in first.images])
    order = np.argsort(np.where(np.isnan(values), np.inf, values), kind="stable")
    order = order[: int((~np.isnan(values)).sum())]
    chosen = list(order[:WORST_SHOWN])
    for other in scores[1:]:
        chosen += worse_images(first, other)[:_WORSE_IMAGES]
    chosen += list(order[::-1][:BEST_SHOWN])
    for row, column in largest_confusions(first):
        pixels = np.array([image.confusion[row, column] for image in first.images])
        chosen += [index for index in np.argsort(-pixels, kind="stable")[:_IMAGES_PER_CELL] if pixels[index]]
    return list(dict.fromkeys(int(index) for index in chosen))


def worse_images(first: ReportScores, other: ReportScores) -> list[int]:
    """Returns the indices of the images where `other` is worse than `first`, the largest loss first."""
    losses = np.array([a.miou - b.miou for a, b in zip(first.images, other.images, strict=True)])
    return [int(index) for index in np.argsort(-np.nan_to_num(losses), kind="stable") if losses[index] > 0]


def largest_confusions(scores: ReportScores) -> list[tuple[int, int]]:
    """Returns true and predicted class of the most frequent errors, those of the most pixels first."""
    wrong = scores.evaluation.confusion.numpy().copy()
    np.fill_diagonal(wrong, 0)
    cells = np.argsort(-wrong, axis=None, kind="stable")[:_CELLS]
    return [(int(cell) // len(wrong), int(cell) % len(wrong)) for cell in cells if wrong.flat[cell]]


def render_report_images(
    subjects: Sequence[ReportSubject], data: Dataset, indices: Sequence[int], progress: Callable[[int], object]
) -> list[ReportImage]:
    """Renders the images at these indices with their layers, as far as the page's size allows."""
    images: list[ReportImage] = []
    characters = 0
    for count, index in enumerate(indices, start=1):
        image = _render_image(subjects, data.read(index), index)
        characters += image.characters
        if characters > _BUDGET and images:
            break
        images.append(image)
        progress(count)
    return images


def _render_image(subjects: Sequence[ReportSubject], sample: Sample, index: int) -> ReportImage:
    first, labels = subjects[0], true_labels(sample)
    classes = first.model.classes
    predicted = predict_sample(first, sample)
    scale = min(1.0, _LONGEST / max(labels.shape))
    size = (max(1, round(labels.shape[0] * scale)), max(1, round(labels.shape[1] * scale)))
    image = ReportImage(index, jpeg_uri(sample.image, size), size)
    image.layers["prediction"] = mask_uri(predicted.labels, size, classes)
    image.layers["truth"] = mask_uri(labels, size, classes)
    image.layers["difference"] = _difference_uri(predicted.labels, labels, size)
    image.layers["confidence"] = grey_uri(predicted.confidence, size)
    uncertainty = _uncertainty(first, sample)
    if uncertainty is not None:
        image.layers["uncertainty"] = grey_uri(uncertainty, size)
    for name, stage in _tag_stages(first, sample).items():
        image.layers[name] = mask_uri(stage, size, classes)
    for other in subjects[1:]:
        image.layers[f"prediction of {other.name}"] = mask_uri(predict_sample(other, sample).labels, size, classes)
    return image


def _uncertainty(subject: ReportSubject, sample: Sample) -> Float[np.ndarray, "h w"] | None:
    """Returns the Monte-Carlo deviation summed over classes; None for networks without dropout or with class maps."""
    model = subject.model
    if learned_from_tags(model) or read_export_facts(model) is not None or not has_active_dropout(model.network.head):
        return None
    spread = subject.model.predict(sample.image, _SAMPLES, depth=subject.depth(sample)).uncertainty
    return None if spread is None else spread * len(subject.model.classes)


def _tag_stages(subject: ReportSubject, sample: Sample) -> dict[str, UInt8[np.ndarray, "h w"]]:
    """Predicts class maps, refined class maps and pseudo labels; empty for networks that did not learn from tags."""
    if not learned_from_tags(subject.model):
        return {}
    from seglet.inference.options import Refiner

    maps = predict_maps(subject.model, sample.image, None, InferenceOptions(), subject.depth(sample))
    refined = refined_probabilities(maps, subject.model, sample.image, sample.tags, Refiner("pamr"))
    pseudo = np.where(refined.max(axis=0) < 0.5, IGNORE, refined.argmax(axis=0)).astype(np.uint8)
    return {
        "class maps": maps.argmax(axis=0).astype(np.uint8),
        "refined, tags known": refined.argmax(axis=0).astype(np.uint8),
        "pseudo label": pseudo,
    }


def _difference_uri(found: UInt8[np.ndarray, "h w"], labels: UInt8[np.ndarray, "h w"], size: tuple[int, ...]) -> str:
    kind = np.where(labels == IGNORE, 2, found != labels).astype(np.uint8)
    image = Image.fromarray(kind).resize((size[1], size[0]), Image.Resampling.NEAREST)
    image.putpalette([*_RIGHT, *_WRONG, 255, 255, 255])
    return image_uri(image, "PNG", optimize=True)
