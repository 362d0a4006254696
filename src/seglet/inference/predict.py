"""Prediction for one image in memory: scales, mirrored views and windows averaged, absent classes removed, refined.

Axes: k classes, h rows, w columns.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Float32, Shaped
from torch import Tensor

from seglet.evaluation.inference import predict_logits
from seglet.evaluation.options import EvaluationOptions
from seglet.images import resize_by_factor
from seglet.inference.batch import SMALLER_IMAGES, SMALLER_VIEWS
from seglet.inference.brighten import find_enhancer
from seglet.inference.from_tags import TagPredictor
from seglet.inference.options import InferenceOptions, Refiner
from seglet.inference.refine import normalise_scores, refine_scores
from seglet.inference.thresholds import class_thresholds
from seglet.models.architecture import LEARNED_FROM_TAGS
from seglet.models.class_maps import CAM_BACKGROUND, default_views, segmenter_class_maps
from seglet.models.image_tensor import of_any_size
from seglet.models.network import evaluation_copy
from seglet.models.segmenter import Segmenter
from seglet.tensors import resize_align_corners
from seglet.types import tag_vector, without_background

Predictor = Segmenter | TagPredictor
"""A model that predicts class maps of images: a network, or a method that needs to know the tags."""

DepthMap = Float[np.ndarray, "rows columns"]
"""Depth of an image, of any resolution, in [0, 1], 0 nearest."""


def learned_from_tags(model: Predictor) -> bool:
    """Returns True for models whose class maps need absent classes removed before they are masks."""
    if isinstance(model, TagPredictor):
        return True
    return model.architecture.head in LEARNED_FROM_TAGS


def memory_cure(model: Predictor) -> str:
    """Returns what helps if memory runs out: options that `check_inference_options` accepts for this model."""
    return SMALLER_IMAGES if learned_from_tags(model) else SMALLER_VIEWS


def check_inference_options(model: Predictor, options: InferenceOptions) -> None:
    """Checks that the options apply to this kind of model.

    Raises:
        ValueError: an option is for another kind; the message names it.
    """
    class_thresholds(options.thresholds, model.classes)
    if isinstance(model, TagPredictor):
        if not replace(options, refiner=None, thresholds=()).plain or options.window is not None:
            raise ValueError("a method predicts as its experiment says; leave out --scales, --flip, --size, --window, "
                             "--background… and --least-score, and set its keys")  # fmt: skip
        return
    name, head = model.architecture.name, model.architecture.head
    own = {"background_power": ("ssss",), "background": ("cam",), "least_score": LEARNED_FROM_TAGS}
    for option, heads in own.items():
        if getattr(options, option) is not None and head not in heads:
            flag = option.replace("_", "-")
            raise ValueError(f"--{flag} is for {' and '.join(heads)} networks, this is {name}; leave it out")
    if model.architecture.channels is not None and (options.refiner is not None or options.brighten is not None):
        raise ValueError(f"{name} takes measured channels, and a refiner and brightening need colours; leave them out")
    if not learned_from_tags(model):
        return
    if options.window is not None:
        raise ValueError(f"{name} scores the classes of whole images; leave --window out, or shrink with --resize")
    if options.size is not None:
        raise ValueError(f"{name} predicts at several sizes of its own; leave --size out, or give --scales")
    if model.classes.background != 0:
        raise ValueError(f"{name} has the background as class 0, but its class 0 is {model.classes.names[0]!r}")


def with_saved_defaults(model: Predictor, options: InferenceOptions) -> InferenceOptions:
    """Returns the options with those saved with the network in place of what is not given.

    Options that only networks of tags have are left to `default_views`, which also knows the focal penalty.
    """
    saved = None if isinstance(model, TagPredictor) else model.architecture.inference
    if saved is None or learned_from_tags(model):
        return options
    if not options.whole_images and options.window is None:
        options = replace(options, window=saved.window, stride=saved.stride)
    return replace(
        options,
        scales=saved.scales if options.scales is None else options.scales,
        flip=saved.flip if options.flip is None else options.flip,
    )


def predict_probabilities(
    model: Predictor,
    image: Shaped[np.ndarray, "h w c"],
    tags: Sequence[int] | None,
    options: InferenceOptions,
    depth: DepthMap | None = None,
) -> Float32[np.ndarray, "k h w"]:
    """Returns the probabilities of the classes that may be in the image, refined if the options ask for it.

    See `refined_probabilities`; `depth` is for networks that take it as an input.
    """
    return refined_probabilities(predict_maps(model, image, tags, options, depth), model, image, tags, options.refiner)


def refined_probabilities(
    maps: Float32[np.ndarray, "k h w"],
    model: Predictor,
    image: Shaped[np.ndarray, "h w c"],
    tags: Sequence[int] | None,
    refiner: Refiner | None,
) -> Float32[np.ndarray, "k h w"]:
    """Returns class maps as probabilities of the classes that may be in the image, moved to its edges by the refiner.

    With tags only these classes and the background may be there; without (None) all may. The probabilities of a pixel
    sum to 1, or are 0 where no possible class has a score.
    """
    possible = _possible_classes(model, tags)
    probabilities = np.zeros_like(maps)
    if possible:
        scores = normalise_scores(maps[possible])
        probabilities[possible] = scores if refiner is None else refine_scores(scores, image, refiner)
    return probabilities


def _possible_classes(model: Predictor, tags: Sequence[int] | None) -> list[int]:
    if tags is None:
        return list(range(len(model.classes)))
    background = model.classes.background
    return sorted({*tags, *([] if background is None else [background])})


@torch.inference_mode()
def predict_maps(
    model: Predictor,
    image: Shaped[np.ndarray, "h w c"],
    tags: Sequence[int] | None,
    options: InferenceOptions,
    depth: DepthMap | None = None,
) -> Float32[np.ndarray, "k h w"]:
    """Returns the class maps of an image, in [0, 1] and at its size, before they are refined.

    `depth` is for networks that take it as an input; see `Segmenter.predict`.
    """
    if isinstance(model, TagPredictor):
        return model.class_maps(brightened(image, options), tags, options.resize)
    images = model.prepare(resize_by_factor(brightened(image, options), options.resize), depth)
    alone, options = evaluation_copy(model), with_saved_defaults(model, options)
    maps = _masks(alone, images, tags, options) if learned_from_tags(model) else _averaged(alone, images, options)
    return np.asarray(resize_align_corners(maps.float(), (image.shape[0], image.shape[1]))[0].cpu().numpy())


def brightened(image: Shaped[np.ndarray, "h w c"], options: InferenceOptions) -> Shaped[np.ndarray, "h w c"]:
    """Returns the image brightened as the options say, or the image itself."""
    return image if options.brighten is None else find_enhancer(options.brighten)(image)


def _masks(
    model: Segmenter, images: Float[Tensor, "1 planes h w"], tags: Sequence[int] | None, options: InferenceOptions
) -> Float[Tensor, "1 k h w"]:
    given = {name: getattr(options, name) for name in ("scales", "flip", "background_power", "least_score")}
    views = default_views(model.architecture)
    views = replace(views, **{name: value for name, value in given.items() if value is not None})
    present = None
    if tags is not None:
        present = without_background(tag_vector(tags, len(model.classes))[None]).to(images)
    background = CAM_BACKGROUND if options.background is None else options.background
    return segmenter_class_maps(model, images, present, views, background)


def _averaged(
    model: Segmenter, images: Float[Tensor, "1 planes h w"], options: InferenceOptions
) -> Float[Tensor, "1 k h w"]:
    views = EvaluationOptions(
        window=options.window,
        stride=options.stride,
        size=options.size,
        scales=options.scales or (1.0,),
        flip=bool(options.flip),
    )
    return predict_logits(of_any_size(model), images, views).softmax(dim=1)
