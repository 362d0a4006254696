"""The images of a report: which are shown, and the layers of each, small. Axes: h rows, w columns."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from seglet.data.dataset import Dataset, Sample
from seglet.images import colour_palette
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import learned_from_tags, predict_maps, refined_probabilities
from seglet.models.layers.dropout import has_active_dropout
from seglet.models.onnx_segmenter import facts_in
from seglet.report.measure import Measured, look, truth
from seglet.report.subject import Subject
from seglet.types import IGNORE, Classes

LONGEST = 224
"""Pixels of the longer side of a thumbnail."""
BUDGET = 3_600_000
"""Characters of all layers together; images beyond it are left out."""
WORST, BEST, OF_A_CELL, CELLS, REGRESSIONS = 12, 6, 3, 30, 8
SAMPLES = 8
"""Monte-Carlo passes for the uncertainty."""
RIGHT, WRONG = (40, 40, 40), (255, 60, 0)


@dataclass
class Shown:
    """An image of the page: its place in the data and its layers, by name, as data URIs."""

    index: int
    image: str
    size: tuple[int, int]
    layers: dict[str, str] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        return len(self.image) + sum(map(len, self.layers.values()))


def choose(measured: Sequence[Measured]) -> list[int]:
    """Places of the images to show, the most important first: worst, regressions, best, those of large errors."""
    first = measured[0]
    scores = np.array([image.miou for image in first.images])
    order = np.argsort(np.where(np.isnan(scores), np.inf, scores), kind="stable")
    order = order[: int((~np.isnan(scores)).sum())]
    chosen = [*order[:WORST], *(place for other in measured[1:] for place in regressions(first, other)[:REGRESSIONS])]
    chosen += [*order[::-1][:BEST]]
    for row, column in largest_errors(first):
        amounts = np.array([image.confusion[row, column] for image in first.images])
        chosen += [place for place in np.argsort(-amounts, kind="stable")[:OF_A_CELL] if amounts[place]]
    return list(dict.fromkeys(int(place) for place in chosen))


def regressions(first: Measured, other: Measured) -> list[int]:
    """Places where the other is worse than the first, the largest loss first."""
    losses = np.array([a.miou - b.miou for a, b in zip(first.images, other.images, strict=True)])
    return [int(place) for place in np.argsort(-np.nan_to_num(losses), kind="stable") if losses[place] > 0]


def largest_errors(measured: Measured) -> list[tuple[int, int]]:
    """Cells of the confusion matrix beside the diagonal, those of the most pixels first."""
    wrong = measured.evaluation.confusion.numpy().copy()
    np.fill_diagonal(wrong, 0)
    cells = np.argsort(-wrong, axis=None, kind="stable")[:CELLS]
    return [(int(cell) // len(wrong), int(cell) % len(wrong)) for cell in cells if wrong.flat[cell]]


def show(
    subjects: Sequence[Subject], data: Dataset, places: Sequence[int], progress: Callable[[int], object]
) -> list[Shown]:
    """The images with their layers, as far as the page's size allows."""
    shown: list[Shown] = []
    room = BUDGET
    for count, place in enumerate(places, start=1):
        one = _shown(subjects, data.read(place), place)
        room -= one.weight
        if room < 0 and shown:
            break
        shown.append(one)
        progress(count)
    return shown


def _shown(subjects: Sequence[Subject], sample: Sample, place: int) -> Shown:
    first, labels = subjects[0], truth(sample)
    classes = first.model.classes
    found = look(first, sample)
    scale = min(1.0, LONGEST / max(labels.shape))
    size = tuple(max(1, round(side * scale)) for side in labels.shape)
    one = Shown(place, jpeg(sample.image, size), (size[0], size[1]))
    one.layers["prediction"] = mask(found.labels, size, classes)
    one.layers["truth"] = mask(labels, size, classes)
    one.layers["difference"] = _difference(found.labels, labels, size)
    one.layers["confidence"] = grey(found.confidence, size)
    uncertainty = _uncertainty(first, sample)
    if uncertainty is not None:
        one.layers["uncertainty"] = grey(uncertainty, size)
    for name, stage in _stages(first, sample).items():
        one.layers[name] = mask(stage, size, classes)
    for other in subjects[1:]:
        one.layers[f"prediction of {other.name}"] = mask(look(other, sample).labels, size, classes)
    return one


def _uncertainty(subject: Subject, sample: Sample) -> Float[np.ndarray, "h w"] | None:
    """Deviation summed over classes; None of networks without dropout, or whose masks are read off otherwise."""
    model = subject.model
    if learned_from_tags(model) or facts_in(model) is not None or not has_active_dropout(model.network.head):
        return None
    spread = subject.model.predict(sample.image, SAMPLES, depth=subject.depth(sample)).uncertainty
    return None if spread is None else spread * len(subject.model.classes)


def _stages(subject: Subject, sample: Sample) -> dict[str, UInt8[np.ndarray, "h w"]]:
    """Of a network that learned from tags what comes before its masks: raw maps, refined ones, pseudo labels."""
    if not learned_from_tags(subject.model):
        return {}
    from seglet.inference.refiner import Refiner

    maps = predict_maps(subject.model, sample.image, None, InferenceOptions(), subject.depth(sample))
    refined = refined_probabilities(maps, subject.model, sample.image, sample.tags, Refiner("pamr"))
    pseudo = np.where(refined.max(axis=0) < 0.5, IGNORE, refined.argmax(axis=0)).astype(np.uint8)
    return {
        "class maps": maps.argmax(axis=0).astype(np.uint8),
        "refined, tags known": refined.argmax(axis=0).astype(np.uint8),
        "pseudo label": pseudo,
    }


def mask(labels: UInt8[np.ndarray, "h w"], size: tuple[int, ...], classes: Classes) -> str:
    """As a palette PNG of this size (h, w), void in white; this and the others as data URIs."""
    image = Image.fromarray(labels).resize((size[1], size[0]), Image.Resampling.NEAREST)
    image.putpalette(colour_palette(classes).tobytes())
    return uri(image, "PNG", optimize=True)


def _difference(found: UInt8[np.ndarray, "h w"], labels: UInt8[np.ndarray, "h w"], size: tuple[int, ...]) -> str:
    kind = np.where(labels == IGNORE, 2, found != labels).astype(np.uint8)
    image = Image.fromarray(kind).resize((size[1], size[0]), Image.Resampling.NEAREST)
    image.putpalette([*RIGHT, *WRONG, 255, 255, 255])
    return uri(image, "PNG", optimize=True)


def grey(values: Float[np.ndarray, "h w"], size: tuple[int, ...]) -> str:
    """In 16 steps, white for 1 and above, as a thumbnail shows no more."""
    image = Image.fromarray(np.asarray(values, np.float32)).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    steps = (np.array(image).clip(0, 1) * 15).round().astype(np.uint8)
    shades = Image.fromarray(steps)
    shades.putpalette([17 * step for step in range(16) for _ in range(3)])
    return uri(shades, "PNG", optimize=True)


def jpeg(image: UInt8[np.ndarray, "h w 3"], size: tuple[int, ...]) -> str:
    small = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BOX)
    return uri(small, "JPEG", quality=80)


def uri(image: Image.Image, form: str, **options: object) -> str:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
