"""`seglet.predict`: segmentations of images, with all options of the command of that name."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from os import PathLike
from pathlib import Path
from typing import Unpack, cast, overload

import numpy as np
from PIL import Image
from torch import Tensor

from seglet.api.keywords import InferenceKeywords, as_model, inference_options
from seglet.images import resize_by_factor
from seglet.images.channels import drawn_channels
from seglet.inference.depth import DepthSource, find_depth_source
from seglet.inference.from_tags import TagPredictor, classes_named
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import Predictor, check_inference_options, predict_probabilities
from seglet.inference.sources import LabelMethod, ModelLike, open_predictor
from seglet.inference.thresholds import class_thresholds, labels_above
from seglet.models.image_tensor import ImageLike, as_uint8, channel_batch, image_batch
from seglet.models.segmentation import Segmentation
from seglet.types import Classes
from seglet.values import choose_from

Names = Sequence[str]


@overload
def predict(  # type: ignore[overload-overlap]  # a string is iterable too, but as a path comes first
    model: ModelLike,
    image: ImageLike,
    *,
    tags: Names | None = None,
    classes: Names | None = None,
    device: str | None = None,
    max_pixels: int | None = None,
    **options: Unpack[InferenceKeywords],
) -> Segmentation: ...


@overload
def predict(
    model: ModelLike,
    image: Iterable[ImageLike],
    *,
    tags: Iterable[Names] | None = None,
    classes: Names | None = None,
    device: str | None = None,
    max_pixels: int | None = None,
    **options: Unpack[InferenceKeywords],
) -> Iterator[Segmentation]: ...


def predict(
    model: ModelLike,
    image: ImageLike | Iterable[ImageLike],
    *,
    tags: Names | Iterable[Names] | None = None,
    classes: Names | None = None,
    device: str | None = None,
    max_pixels: int | None = None,
    **options: Unpack[InferenceKeywords],
) -> Segmentation | Iterator[Segmentation]:
    """Segments an image, or one after the other of several, as `seglet predict` does.

    `Segmenter.predict` does the same with no options, and takes Monte-Carlo samples. Here a network that takes depth
    gets it from the network of its training, or from `depth`.

    Args:
        model: a segmenter; the folder of one or of a run; a run; an exported .onnx file; a name on the hub; or a method
            that makes masks from tags, by name or experiment file.
        image: an image as a file, a PIL image, an array or a tensor, or an iterable of these.
        tags: names of the classes that are in the image, without the background, or an iterable with those of each
            image. All others are ruled out. A method needs them.
        classes: names of the classes that a method finds, without the background; the tags of a single image if none
            are given.
        device: auto, cpu, cuda, …; None for where the model is, or for a GPU if it has to be loaded.
        max_pixels: pixels that an image in a file may have, 64 million if not given.
        **options: how the model predicts; see `InferenceKeywords`.

    Raises:
        DataError: a file is no readable image, or too large.
        ValueError: there is no such model, tags are missing or unknown, or an option does not apply to the model.
    """
    single = isinstance(image, str | PathLike | Image.Image | np.ndarray | Tensor)
    chosen, found = inference_options(options), as_model(model)
    names = cast("Names | None", tags) if single and classes is None else classes
    known = classes_named(names) if isinstance(found, LabelMethod) and names is not None else None
    predictor = open_predictor(found, device, known)
    check_inference_options(predictor, chosen)
    depths = None if isinstance(predictor, TagPredictor) else find_depth_source(predictor, chosen.depth)
    run = _Prediction(predictor, chosen, depths, max_pixels)
    if single:
        return run.segment(cast("ImageLike", image), cast("Names | None", tags))
    each = repeat(None) if tags is None else tags
    pairs = zip(cast("Iterable[ImageLike]", image), each, strict=tags is not None)
    return (run.segment(one, present) for one, present in pairs)


@dataclass(frozen=True)
class _Prediction:
    predictor: Predictor
    options: InferenceOptions
    depths: DepthSource | None
    max_pixels: int | None

    def segment(self, image: ImageLike, tags: Names | None) -> Segmentation:
        predictor, options = self.predictor, self.options
        whites = None if isinstance(predictor, TagPredictor) else predictor.architecture.whites
        channels = None if isinstance(predictor, TagPredictor) else predictor.architecture.channels
        if channels is None:
            shown = pixels = as_uint8(image_batch(image, whites, self.max_pixels))
        else:
            pixels = channel_batch(image, channels, self.max_pixels)[0].permute(1, 2, 0).cpu().numpy()
            shown = drawn_channels(pixels, channels)
        name = Path(image).stem if isinstance(image, str | PathLike) else "image"
        depth = None if self.depths is None else self.depths(resize_by_factor(pixels, options.resize), name)
        present = None if tags is None else _label_ids(tags, predictor.classes)
        probabilities = predict_probabilities(predictor, pixels, present, options, depth)
        labels = labels_above(probabilities, class_thresholds(options.thresholds, predictor.classes))
        return Segmentation(labels, probabilities, None, shown, predictor.classes)


def _label_ids(tags: Names, classes: Classes) -> tuple[int, ...]:
    if isinstance(tags, str):
        raise ValueError(f"expected a list of class names, got the string {tags!r}; give [{tags!r}]")
    ids = {name: label for label, name in classes.foreground.items()}
    for name in tags:
        if name not in ids:
            raise ValueError(f"there is no class {name!r} to tag; {choose_from(name, ids)}")
    return tuple(sorted(ids[name] for name in tags))
