"""What a network makes of one image, whole: masks, confidence, uncertainty. Axes: h rows, w columns, k classes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8

from seglet.evaluation.confusion import confusion
from seglet.evaluation.scores import marginals, mean_iou, pixel_accuracy
from seglet.images import resize_by_factor
from seglet.inference.depth import DepthSource
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import brightened, learned_from_tags
from seglet.inference.write import SegmentOptions, segment_image
from seglet.models.layers.dropout import has_active_dropout
from seglet.models.onnx_segmenter import facts_in
from seglet.models.segmenter import Segmenter
from seglet.types import Classes


@dataclass(frozen=True)
class Answer:
    """Class and its probability for each pixel; `uncertainty` as in `segment.Found`, or None, and `remark` says why.

    `maps` are others in [0, 1], by name.
    """

    classes: Classes
    labels: UInt8[np.ndarray, "h w"]
    confidence: Float[np.ndarray, "h w"]
    uncertainty: Float[np.ndarray, "h w"] | None = None
    maps: Mapping[str, Float[np.ndarray, "h w"]] = field(default_factory=dict)
    remark: str = ""

    def shares(self) -> list[tuple[int, float, float]]:
        """Label, share of the pixels and mean confidence there of each class that was found, the largest first."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.classes))[: len(self.classes)]
        sums = np.bincount(self.labels.ravel(), self.confidence.ravel(), minlength=len(self.classes))
        order = np.argsort(-counts, kind="stable")
        return [
            (int(label), float(counts[label] / self.labels.size), float(sums[label] / counts[label]))
            for label in order
            if counts[label]
        ]


class Viewer(ABC):
    """Whatever answers to an image. `tags` are what a person typed, which some do without."""

    name: str

    @abstractmethod
    def labels(self, image: UInt8[np.ndarray, "h w 3"], name: str, tags: str) -> UInt8[np.ndarray, "h w"]:
        """The classes alone."""

    @abstractmethod
    def answer(self, image: UInt8[np.ndarray, "h w 3"], name: str, tags: str) -> Answer:
        """
        Raises:
            ValueError: there is none to this image or these tags; says why.
        """


@dataclass(frozen=True)
class Network(Viewer):
    """A segmenter, seeing as `seglet predict` does; `samples` Monte-Carlo passes give its uncertainty."""

    name: str
    model: Segmenter
    seeing: InferenceOptions = field(default_factory=InferenceOptions)
    samples: int = 8
    depths: DepthSource | None = None

    def labels(self, image: UInt8[np.ndarray, "h w 3"], name: str, tags: str = "") -> UInt8[np.ndarray, "h w"]:
        return segment_image(self.model, image, SegmentOptions(inference=self.seeing), self._depth(image, name)).labels

    def answer(self, image: UInt8[np.ndarray, "h w 3"], name: str, tags: str = "") -> Answer:
        found = segment_image(self.model, image, SegmentOptions(inference=self.seeing), self._depth(image, name))
        spread, remark = self._uncertainty(image, name)
        return Answer(self.model.classes, found.labels, found.confidence, spread, remark=remark)

    def _depth(self, image: UInt8[np.ndarray, "h w 3"], name: str) -> Float[np.ndarray, "_ _"] | None:
        return None if self.depths is None else self.depths(resize_by_factor(image, self.seeing.resize), name)

    def _uncertainty(self, image: UInt8[np.ndarray, "h w 3"], name: str) -> tuple[Float[np.ndarray, "h w"] | None, str]:
        """Of the whole image, seen once; or None and why."""
        if self.samples < 2:
            return None, "no uncertainty: --samples is below 2"
        if facts_in(self.model) is not None:
            return None, "no uncertainty: an exported network has no dropout left"
        if learned_from_tags(self.model):
            return None, f"no uncertainty: {self.model.architecture.name} reads its masks off maps of classes"
        if not has_active_dropout(self.model.network.head):
            return None, "no uncertainty: the head has no dropout"
        depth = None if self.depths is None else self.depths(image, name)
        try:
            seen = self.model.predict(brightened(image, self.seeing), self.samples, 0, depth)
        except ValueError as error:  # all passes are equal
            return None, f"no uncertainty: {error}"
        return None if seen.uncertainty is None else seen.uncertainty * len(self.model.classes), ""


@dataclass(frozen=True)
class Agreement:
    """Of two answers to one scene: share of pixels of the same class, and mean IoU over the classes in either."""

    pixels: float
    miou: float


def agreement(first: UInt8[np.ndarray, "h w"], second: UInt8[np.ndarray, "h w"], classes: int) -> Agreement:
    counts = marginals(confusion(second, first, classes))
    if not counts[:, 1].sum():  # void all over
        return Agreement(1.0, 1.0)
    return Agreement(float(pixel_accuracy(counts)), float(mean_iou(counts)))
