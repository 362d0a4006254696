"""Ranking of unlabelled images by what labelling them would teach a network.

Axes: k classes, c channels, h rows, w columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from seglet.data.class_pixels import count_class_pixels
from seglet.data.dataset import Dataset
from seglet.data.errors import DataError
from seglet.data.opening import open_dataset
from seglet.engine.console import ProgressDisplay
from seglet.files import content_hash, read_bytes
from seglet.images import resize_by_factor
from seglet.inference.batch import SMALLER_VIEWS, failure_reason
from seglet.inference.inputs import ImageFile
from seglet.inference.models import check_classes, load_model, model_folder
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import predict_probabilities
from seglet.inference.teaching_value import ChosenImage, ImageMeasures, LabelledImages, ValueMix, choose_next
from seglet.models.image_tensor import SMALLEST_SIDE, pad_to_side
from seglet.models.network import evaluation_copy
from seglet.models.onnx_segmenter import OnnxNetwork
from seglet.models.segmenter import Segmenter

Pixels = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class NextOptions:
    """Options of choosing the images to label next.

    Args:
        count: images to choose.
        mix: weights of the parts of an image's value.
        labelled: data set, or several separated by commas, that is labelled already; its images are left out.
        split: its split, or one for each of several.
        teacher: folder of another network, which may disagree.
        samples: Monte-Carlo passes for the uncertainty; 0 takes the entropy of one pass.
        seed: seed of these passes.
    """

    count: int
    mix: ValueMix = field(default_factory=ValueMix)
    labelled: str | None = None
    split: str = "train"
    teacher: str | None = None
    samples: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"next: expected at least 1 image, got {self.count}")
        if self.samples == 1:
            raise ValueError("one Monte-Carlo sample has no deviation; give --samples 2 or more, such as 10")


@dataclass(frozen=True)
class NextImages:
    """The images to label next, the most valuable first, and what became of the others.

    `labelled` counts images left out because they are labelled; `unread` has those that cannot be read, with reasons.
    """

    images: list[ImageFile]
    chosen: list[ChosenImage]
    candidates: int
    labelled: int
    unread: list[dict[str, str]]

    def as_dict(self) -> dict[str, Any]:
        """Returns the choice for JSON."""
        ranked = [
            {"source": str(image.path), "value": one.value, **one.parts}
            for image, one in zip(self.images, self.chosen, strict=True)
        ]
        return {"candidates": self.candidates, "labelled": self.labelled, "unread": self.unread, "ranked": ranked}

    def line(self) -> str:
        """Returns a line about the choice."""
        left = f", {self.labelled} labelled already" if self.labelled else ""
        bad = f", {len(self.unread)} cannot be read, such as {self.unread[0]['source']}" if self.unread else ""
        return f"chosen: {len(self.images)} of {self.candidates} images{left}{bad}; label.json says why"


@dataclass(frozen=True)
class ImageMeter:
    """A network, and perhaps a teacher, that measures images."""

    model: Segmenter
    teacher: Segmenter | None
    options: NextOptions
    inference: InferenceOptions

    def measure(self, image: Pixels) -> ImageMeasures:
        """Returns the measures of an image."""
        chances = predict_probabilities(self.model, image, None, self.inference, None)
        logarithms = np.log(np.maximum(chances, 1e-12))
        uncertainty = float(-(chances * logarithms).sum(0).mean() / np.log(max(len(chances), 2)))
        small = resize_by_factor(image, self.inference.resize)
        if self.options.samples:
            deviation = self.model.predict(small, self.options.samples, self.options.seed).uncertainty
            uncertainty = 0.0 if deviation is None else float(deviation.mean())
        disagreement = 0.0
        if self.teacher is not None:
            taught = predict_probabilities(self.teacher, image, None, self.inference, None)
            disagreement = float(np.abs(chances - taught).sum(0).mean() / 2)
        feature = image_feature(self.model, small)
        return ImageMeasures(uncertainty, chances.mean((1, 2)).astype(np.float64), feature, disagreement)

    def labelled(self) -> LabelledImages | None:
        """Returns features and class shares of the images that are labelled; None if none are named.

        Raises:
            DataError: they cannot be read, or have other classes than the model.
        """
        if self.options.labelled is None:
            return None
        data = open_dataset(self.options.labelled, self.options.split)
        check_classes(self.model.classes, data.classes)
        features = []
        with ProgressDisplay("labelled images", len(data), "images") as steps:
            for count, sample in enumerate(data, start=1):
                features.append(image_feature(self.model, resize_by_factor(sample.image, self.inference.resize)))
                steps.advance(count)
        return LabelledImages(np.stack(features), _shares(data))


@torch.inference_mode()
def image_feature(model: Segmenter, image: Pixels) -> Float[np.ndarray, " c"]:
    """Returns the mean of the last stage of the backbone over an image, of length 1."""
    planes = pad_to_side(model.prepare(image), SMALLEST_SIDE)
    mean = evaluation_copy(model).network.backbone(planes)[-1].mean((2, 3))[0].double()
    return np.asarray((mean / mean.norm().clamp(min=1e-12)).cpu().numpy())


def rank_images(
    model: Segmenter, images: Sequence[ImageFile], options: NextOptions, inference: InferenceOptions
) -> NextImages:
    """Measures all images that are not labelled yet and chooses the most valuable; those that fail are left out.

    Raises:
        ValueError: the model takes depth, the teacher has other classes, or there is nothing left to choose from.
    """
    if model.architecture.depth is not None or isinstance(model.network, OnnxNetwork):
        raise ValueError("--next compares features of a network of colour images; give a saved segmenter without depth")
    meter = ImageMeter(model, _teacher(model, options), options, inference)
    known = set() if options.labelled is None else _keys(open_dataset(options.labelled, options.split))
    fresh = [image for image in images if not known or _key(image) not in known]
    if not fresh:
        raise ValueError(f"all {len(images)} images are labelled in {options.labelled}; give others")
    labelled, measured, kept = meter.labelled(), list[ImageMeasures](), list[ImageFile]()
    unread: list[dict[str, str]] = []
    with ProgressDisplay("rank", len(fresh), "images") as steps:
        for count, image in enumerate(fresh, start=1):
            try:
                measured.append(meter.measure(image.read()))
                kept.append(image)
            except (ValueError, OSError, MemoryError, RuntimeError) as error:
                unread.append({"source": str(image.path), "reason": failure_reason(error, SMALLER_VIEWS)})
                steps.note(f"failed: {image.path}")
            steps.advance(count)
    chosen = choose_next(measured, options.count, options.mix, labelled)
    return NextImages([kept[one.index] for one in chosen], chosen, len(fresh), len(images) - len(fresh), unread)


def _teacher(model: Segmenter, options: NextOptions) -> Segmenter | None:
    if options.teacher is None:
        return None
    teacher = load_model(str(model_folder(options.teacher)), str(next(model.parameters()).device))
    if teacher.classes.names != model.classes.names:
        raise ValueError(f"the teacher {options.teacher} has other classes than the model; they cannot be compared")
    return teacher


def _keys(data: Dataset) -> set[str]:
    return set(data.image_keys())


def _key(image: ImageFile) -> str:
    try:
        return content_hash(read_bytes(image.path))
    except (DataError, OSError):
        return ""


def _shares(data: Dataset) -> Float[np.ndarray, " k"] | None:
    try:
        pixels, _ = count_class_pixels(data)
    except DataError:  # without masks the predictions say how rare classes are
        return None
    return np.asarray(pixels / pixels.sum())
