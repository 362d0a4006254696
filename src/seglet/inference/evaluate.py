"""Scores of a model on images with masks: of its logits, or of class maps that are refined before they are compared.

Axes: k classes, h rows, w columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import nn

from seglet.data.columns.depth import depth_plane
from seglet.data.dark.darkened_dataset import DarkenedDataset
from seglet.data.dark.presets import DarkPreset
from seglet.data.dataset import Dataset, Sample
from seglet.data.folder_dataset import present_classes
from seglet.data.loading.loaders import evaluation_samples
from seglet.engine.console import ProgressDisplay
from seglet.evaluation.cam_curve import CamCurve
from seglet.evaluation.evaluate import evaluate_samples, group_by_size
from seglet.evaluation.options import EvaluationOptions
from seglet.evaluation.result import Evaluation
from seglet.images import resize_by_factor
from seglet.inference.brighten import EnhancedDataset, find_enhancer
from seglet.inference.depth import add_depth_column
from seglet.inference.from_tags import TagPredictor
from seglet.inference.models import check_channels_of_data, check_classes, choose_device
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import (
    Predictor,
    brightened,
    check_inference_options,
    learned_from_tags,
    predict_maps,
    refined_probabilities,
    with_saved_defaults,
)
from seglet.inference.sources import (
    DataLike,
    LabelMethod,
    LogitsFunction,
    ModelLike,
    open_images_with_masks,
    open_predictor,
)
from seglet.models.network import evaluation_copy
from seglet.models.onnx_segmenter import parameter_count
from seglet.models.segmenter import Segmenter
from seglet.types import Classes


@dataclass(frozen=True)
class ScoringOptions:
    """Options of scoring a model.

    Args:
        inference: how it predicts.
        known_tags: rule out the classes that an image's tags, or else its mask, lack.
        darken: score on darkened images: a preset of `seglet data darken`, or the stops of light to take away.
        batch: images at once, where their sizes agree.
        workers: threads that read ahead.
        device: where a function computes, or a model to be loaded; None chooses.
        progress: show the progress on stderr.
        max_pixels: pixels that an image of a pair of files may have, 64 million if None.
    """

    inference: InferenceOptions = field(default_factory=InferenceOptions)
    known_tags: bool = False
    darken: DarkPreset | float | None = None
    batch: int = 1
    workers: int = 2
    device: str | None = None
    progress: bool = True
    max_pixels: int | None = None


@dataclass(frozen=True)
class ScoredModel:
    """The scores, a hash of the content of the data, and the number of parameters of a network."""

    evaluation: Evaluation
    fingerprint: str
    parameters: int | None


def score_model(
    model: ModelLike | LogitsFunction,
    data: DataLike,
    split: str,
    options: ScoringOptions,
    classes: Classes | None = None,
) -> ScoredModel:
    """Scores a model on images with masks.

    Class maps are refined at the size of the image, whatever the size at which the network works, as `seglet predict`
    does it; where a network's logits are scored, images are read at `resize` of their size, and masks keep theirs.

    Raises:
        ValueError: there is no such model or data, an option does not apply to the model, or an image has no mask.
    """
    if not isinstance(model, Segmenter | TagPredictor | LabelMethod | str | PathLike):
        samples = _darkened(_opened(data, split, classes, options), options)
        return ScoredModel(_score_function(model, samples, options), samples.fingerprint, None)
    network = None if isinstance(model, LabelMethod) else open_predictor(model, options.device)
    maps = _needs_class_maps(network, options)
    known = classes if network is None else network.classes
    undarkened = _opened(data, split, known, options, whole=maps)
    name = str(data) if isinstance(data, str | PathLike) else None
    predictor = network or open_predictor(model, options.device, undarkened, name)
    check_inference_options(predictor, options.inference)
    options.inference.refuse_thresholds("scores are those of the most probable classes")
    check_classes(predictor.classes, undarkened.classes)
    if isinstance(predictor, Segmenter):
        check_channels_of_data(predictor, undarkened)
        if options.darken is not None and predictor.architecture.channels is not None:
            raise ValueError("darkening changes colours, and this model takes measured channels; leave it out")
    options = replace(options, inference=with_saved_defaults(predictor, options.inference))
    samples = _darkened(undarkened, options)
    if isinstance(model, LabelMethod) and isinstance(predictor, TagPredictor) and model.adapting != "none":
        predictor.remember(_known_images(samples, options), model.adapting, options.inference.resize)
    if not isinstance(predictor, Segmenter):
        return ScoredModel(_score_maps(predictor, samples, options), samples.fingerprint, None)
    with_depth = add_depth_column(samples, predictor, options.inference.depth)
    evaluation = (_score_maps if maps else _score_logits)(predictor, with_depth, options)
    return ScoredModel(evaluation, samples.fingerprint, parameter_count(predictor))


def _known_images(
    data: Dataset, options: ScoringOptions
) -> Iterator[tuple[str, UInt8[np.ndarray, "h w 3"], Sequence[int]]]:
    """Yields name, image and tags of all images, for a method to remember."""
    with ProgressDisplay("remember", len(data), "images", active=options.progress) as steps:
        for count, sample in enumerate(evaluation_samples(data, workers=options.workers), 1):
            yield sample.id, brightened(sample.image, options.inference), _tags(sample, data.classes)
            steps.advance(count)


def _opened(
    data: DataLike, split: str, classes: Classes | None, options: ScoringOptions, whole: bool = False
) -> Dataset:
    resize = 1.0 if whole else options.inference.resize
    samples = open_images_with_masks(data, split, classes, resize, options.max_pixels)
    if len(samples) and samples.read(0).labels is None:
        where = f"in {str(data)!r}, split {split!r}," if isinstance(data, str | PathLike) else "of these data"
        raise ValueError(
            f"the images {where} have no masks, so nothing can be scored; choose a split with masks (--split), say "
            "where the masks are (seglet data check), or only segment the images (seglet predict)"
        )
    if isinstance(data, str | PathLike) or resize == 1:
        return samples
    return EnhancedDataset(samples, partial(resize_by_factor, factor=resize))


def _darkened(data: Dataset, options: ScoringOptions) -> Dataset:
    return data if options.darken is None else DarkenedDataset(data, options.darken)


def _needs_class_maps(model: Predictor | None, options: ScoringOptions) -> bool:
    return model is None or learned_from_tags(model) or options.inference.refiner is not None or options.known_tags


def _score_function(function: LogitsFunction, data: Dataset, options: ScoringOptions) -> Evaluation:
    inference = options.inference
    if options.known_tags or not _is_plain_view(inference) or inference.depth is not None:
        raise ValueError("a function gives logits and no more; take a Segmenter for tags, refiners and depth")
    parameter = next(function.parameters(), None) if isinstance(function, nn.Module) else None
    device = choose_device(options.device or "cpu") if parameter is None else parameter.device
    return _score(function, data, options, device)


def _is_plain_view(inference: InferenceOptions) -> bool:
    own = (inference.refiner, inference.background_power, inference.background, inference.least_score)
    return all(value is None for value in own)


def _score_logits(model: Segmenter, data: Dataset, options: ScoringOptions) -> Evaluation:
    return _score(evaluation_copy(model), data, options, next(model.parameters()).device)


def _score(function: LogitsFunction, data: Dataset, options: ScoringOptions, device: torch.device) -> Evaluation:
    inference = options.inference
    if inference.brighten is not None:
        data = EnhancedDataset(data, find_enhancer(inference.brighten))
    views = EvaluationOptions(
        batch=options.batch,
        window=inference.window,
        stride=inference.stride,
        size=inference.size,
        scales=inference.scales or (1.0,),
        flip=bool(inference.flip),
    )
    with ProgressDisplay("evaluate", len(data), "images", active=options.progress) as steps:
        samples = evaluation_samples(data, workers=options.workers)
        return evaluate_samples(function, samples, data.classes, views, steps.advance, device)


def _score_maps(model: Predictor, data: Dataset, options: ScoringOptions) -> Evaluation:
    """Scores class maps that are cleaned, refined or restricted to the tags before a class is chosen.

    A method that makes masks from tags sees `batch` images at once, where neighbours are of one size; a network one.
    """
    result = Evaluation(data.classes, cam_curve=CamCurve(data.classes) if learned_from_tags(model) else None)
    from_tags = isinstance(model, TagPredictor)
    samples = evaluation_samples(data, workers=options.workers)
    with ProgressDisplay("evaluate", len(data), "images", active=options.progress) as steps:
        for group in group_by_size(samples, options.batch if from_tags else 1):
            tags = [_tags(sample, data.classes) if options.known_tags or from_tags else None for sample in group]
            maps = _class_maps(model, group, options.inference, tags)
            for sample, known, found in zip(group, tags, maps, strict=True):
                refiner = options.inference.refiner
                _count(result, sample, found, refined_probabilities(found, model, sample.image, known, refiner))
                steps.advance(result.count)
    return result


def _class_maps(
    model: Predictor, group: Sequence[Sample], options: InferenceOptions, tags: Sequence[Sequence[int] | None]
) -> Sequence[Float32[np.ndarray, "k h w"]]:
    if not isinstance(model, TagPredictor):
        pairs = zip(group, tags, strict=True)
        return [predict_maps(model, sample.image, known, options, depth_plane(sample)) for sample, known in pairs]
    images = [brightened(sample.image, options) for sample in group]
    truths = [sample.labels for sample in group if sample.labels is not None]  # one of a method's controls reads them
    return list(model.class_maps_of_batch(images, [known or () for known in tags], options.resize, truths))


def _count(
    result: Evaluation,
    sample: Sample,
    maps: Float32[np.ndarray, "k h w"],
    probabilities: Float32[np.ndarray, "k h w"],
) -> None:
    labels = torch.from_numpy(np.require(sample.labels, requirements=["C", "W"]))
    confidence, chosen = torch.from_numpy(probabilities).max(dim=0)
    result.add(sample.id, labels, chosen.to(torch.uint8), confidence.clamp(0, 1))
    if result.cam_curve is not None:
        result.cam_curve.add(torch.from_numpy(maps), labels)


def _tags(sample: Sample, classes: Classes) -> tuple[int, ...]:
    if sample.tags is not None:
        return sample.tags
    return () if sample.labels is None else present_classes(sample.labels, classes)
