"""Scores of class maps that are cleaned, refined or told the tags before a class is chosen, image by image.

Axes: k classes, h rows, w columns.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from seglet.data.columns.depth import depth_plane
from seglet.data.dataset import Dataset, Sample
from seglet.data.folder_dataset import present_classes
from seglet.data.loading.loaders import evaluation_samples
from seglet.engine.console import ProgressDisplay
from seglet.evaluation.cam_curve import CamCurve
from seglet.evaluation.evaluate import group_by_size
from seglet.evaluation.result import Evaluation
from seglet.inference.from_tags import TagPredictor
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import Predictor, brightened, learned_from_tags, predict_maps, refined_probabilities


def evaluate_maps(
    model: Predictor,
    data: Dataset,
    options: InferenceOptions,
    known_tags: bool = False,
    workers: int = 0,
    batch: int = 1,
) -> dict[str, Any]:
    """What `Evaluation.as_dict` gives and, of a network that learned from tags, the curve of its maps unrefined.

    With `known_tags` the classes that an image does not show are ruled out. A method that makes masks from tags sees
    `batch` images at once, where neighbours are of one size; a network sees one.

    Raises:
        ValueError: an image has no mask.
    """
    found = Evaluation(data.classes)
    curve = CamCurve(data.classes) if learned_from_tags(model) else None
    samples = evaluation_samples(data, workers=workers)
    with ProgressDisplay("evaluate", len(data), "images") as steps:
        for group in group_by_size(samples, batch if isinstance(model, TagPredictor) else 1):
            tags = [_tags(sample, found) if known_tags else None for sample in group]
            for sample, known, maps in zip(group, tags, _maps(model, group, options, tags), strict=True):
                _add(
                    sample, maps, refined_probabilities(maps, model, sample.image, known, options.refiner), found, curve
                )
                steps.advance(found.count)
    return found.as_dict() | ({} if curve is None else {"cam_curve": curve.as_dict()})


def _maps(
    model: Predictor, group: Sequence[Sample], options: InferenceOptions, tags: Sequence[Sequence[int] | None]
) -> Sequence[Float32[np.ndarray, "k h w"]]:
    if not isinstance(model, TagPredictor):
        pairs = zip(group, tags, strict=True)
        return [predict_maps(model, sample.image, known, options, depth_plane(sample)) for sample, known in pairs]
    images, truths = [brightened(sample.image, options) for sample in group], [sample.labels for sample in group]
    known = [() if labels is None else labels for labels in tags]
    # one of a method's controls reads the truth
    return list(
        model.class_maps_of_batch(images, known, options.resize, [truth for truth in truths if truth is not None])
    )


def _add(
    sample: Sample,
    maps: Float32[np.ndarray, "k h w"],
    scores: Float32[np.ndarray, "k h w"],
    found: Evaluation,
    curve: CamCurve | None,
) -> None:
    labels = torch.from_numpy(np.require(sample.labels, requirements=["C", "W"]))
    confidence, chosen = torch.from_numpy(scores).max(dim=0)
    found.add(sample.id, labels, chosen.to(torch.uint8), confidence.clamp(0, 1))
    if curve is not None:
        curve.add(torch.from_numpy(maps), labels)


def _tags(sample: Sample, found: Evaluation) -> tuple[int, ...]:
    if sample.tags is not None:
        return sample.tags
    return () if sample.labels is None else present_classes(sample.labels, found.classes)
