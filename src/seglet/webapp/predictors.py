"""Predictors of the page: mask, confidence and uncertainty of one image. Axes: h rows, w columns, k classes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8

from seglet.evaluation.confusion import confusion_matrix
from seglet.evaluation.scores import class_counts, mean_iou, pixel_accuracy
from seglet.images import resize_by_factor
from seglet.inference.depth import DepthSource
from seglet.inference.options import InferenceOptions, SegmentOptions
from seglet.inference.predict import brightened, learned_from_tags
from seglet.inference.segment import PredictedMaps, found_shares, segment_image
from seglet.models.layers.dropout import has_active_dropout
from seglet.models.onnx_segmenter import read_export_facts
from seglet.models.segmenter import Segmenter
from seglet.types import Classes


@dataclass(frozen=True)
class ImagePrediction:
    """Class and its probability for each pixel, and further maps in [0, 1] by name.

    `uncertainty` is the deviation summed over classes; if it is None, `message` says why.
    """

    classes: Classes
    labels: UInt8[np.ndarray, "h w"]
    confidence: Float[np.ndarray, "h w"]
    uncertainty: Float[np.ndarray, "h w"] | None = None
    maps: Mapping[str, Float[np.ndarray, "h w"]] = field(default_factory=dict)
    message: str = ""

    def class_shares(self) -> list[tuple[int, float, float]]:
        """Returns label, share of the pixels and mean confidence of each predicted class, the largest first."""
        return found_shares(self.labels, self.confidence, len(self.classes))


class ImagePredictor(ABC):
    """Model of the page. `tags` is the text that the user typed; some predictors need none."""

    name: str

    @abstractmethod
    def labels(self, image: UInt8[np.ndarray, "h w 3"], name: str, tags: str) -> UInt8[np.ndarray, "h w"]:
        """Predicts the classes alone.

        Raises:
            ValueError: the tags cannot be used; the message says why.
        """

    @abstractmethod
    def predict(self, image: UInt8[np.ndarray, "h w 3"], name: str, tags: str) -> ImagePrediction:
        """Predicts classes, confidence and uncertainty.

        Raises:
            ValueError: the image or the tags cannot be used; the message says why.
        """


@dataclass(frozen=True)
class SegmenterPredictor(ImagePredictor):
    """Segmenter with inference options; `samples` Monte-Carlo passes give its uncertainty."""

    name: str
    model: Segmenter
    options: InferenceOptions = field(default_factory=InferenceOptions)
    samples: int = 8
    depths: DepthSource | None = None

    def labels(self, image: UInt8[np.ndarray, "h w 3"], name: str, tags: str = "") -> UInt8[np.ndarray, "h w"]:
        """Predicts the classes alone; `tags` are ignored."""
        return self._segment(image, name).labels

    def predict(self, image: UInt8[np.ndarray, "h w 3"], name: str, tags: str = "") -> ImagePrediction:
        """Predicts classes, confidence and uncertainty; `tags` are ignored."""
        predicted = self._segment(image, name)
        uncertainty, message = self._uncertainty(image, name)
        return ImagePrediction(self.model.classes, predicted.labels, predicted.confidence, uncertainty, message=message)

    def _segment(self, image: UInt8[np.ndarray, "h w 3"], name: str) -> PredictedMaps:
        depth = None if self.depths is None else self.depths(resize_by_factor(image, self.options.resize), name)
        return segment_image(self.model, image, SegmentOptions(inference=self.options), depth)

    def _uncertainty(self, image: UInt8[np.ndarray, "h w 3"], name: str) -> tuple[Float[np.ndarray, "h w"] | None, str]:
        """Returns the uncertainty of the whole image; or None and a message that says why there is none."""
        if self.samples < 2:
            return None, "no uncertainty: --samples is below 2"
        if read_export_facts(self.model) is not None:
            return None, "no uncertainty: an exported network has no dropout left"
        if learned_from_tags(self.model):
            return None, f"no uncertainty: {self.model.architecture.name} makes its masks from class maps"
        if not has_active_dropout(self.model.network.head):
            return None, "no uncertainty: the head has no dropout"
        depth = None if self.depths is None else self.depths(image, name)
        try:
            predicted = self.model.predict(brightened(image, self.options), self.samples, 0, depth)
        except ValueError as error:  # all passes are equal
            return None, f"no uncertainty: {error}"
        return None if predicted.uncertainty is None else predicted.uncertainty * len(self.model.classes), ""


@dataclass(frozen=True)
class MaskAgreement:
    """Agreement of two masks: share of pixels of the same class, and mean IoU over the classes in either."""

    pixels: float
    miou: float


def compare_masks(first: UInt8[np.ndarray, "h w"], second: UInt8[np.ndarray, "h w"], classes: int) -> MaskAgreement:
    """Compares two masks of so many classes; masks that are void all over agree."""
    counts = class_counts(confusion_matrix(second, first, classes))
    if not counts[:, 1].sum():  # void all over
        return MaskAgreement(1.0, 1.0)
    return MaskAgreement(float(pixel_accuracy(counts)), float(mean_iou(counts)))
