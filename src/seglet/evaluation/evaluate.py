"""Evaluation of a network on a set of images, in one pass and in memory that does not grow with their number.

Axes: b images, k classes, h rows, w columns.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor, nn

from seglet.data.columns.depth import depth_plane
from seglet.data.dataset import Sample
from seglet.evaluation.inference import predict_labels
from seglet.evaluation.options import EvaluationOptions
from seglet.evaluation.result import Evaluation
from seglet.evaluation.sliding import PredictLogits
from seglet.models.network import evaluation_mode
from seglet.types import Classes


def evaluate_samples(
    predict: PredictLogits,
    samples: Iterable[Sample],
    classes: Classes,
    options: EvaluationOptions | None = None,
    progress: Callable[[int], object] | None = None,
    device: torch.device | str = "cpu",
) -> Evaluation:
    """Applies `predict` to every sample and returns the scores, at the size of each sample's labels.

    Where samples have a column of depth it is the fourth plane of the images; see `seglet.data.columns.depth`.

    `progress` is called with the number of images done. Under torch.distributed, give each process its own samples and
    call `reduce` on the result. A module predicts in evaluation mode and is then put back into its own mode; with any
    other `predict`, dropout and batch norm are up to the caller.

    Raises:
        ValueError: a sample has no labels or labels that are no class, or the logits do not fit; the sample is named.
    """
    options = options or EvaluationOptions()
    result = Evaluation(classes, options.replicas, options.seed, options.boundary, options.trust)
    with evaluation_mode(predict) if isinstance(predict, nn.Module) else contextlib.nullcontext():
        for group in group_by_size(samples, options.batch):
            _count(predict, group, options, result, torch.device(device))
            if progress is not None:
                progress(result.count)
    return result


def group_by_size(samples: Iterable[Sample], batch: int) -> Iterator[list[Sample]]:
    """Yields lists of up to `batch` neighbours whose images, and whose labels, share a size."""
    group: list[Sample] = []
    for sample in samples:
        if group and (len(group) == batch or _sizes(group[0]) != _sizes(sample)):
            yield group
            group = []
        group.append(sample)
    if group:
        yield group


def _sizes(sample: Sample) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return sample.image.shape, _labels(sample).shape


def _labels(sample: Sample) -> UInt8[np.ndarray, "h w"]:
    if sample.labels is None:
        raise ValueError(f"sample {sample.id!r} has no labels; evaluate on a split that has masks")
    return sample.labels


@torch.no_grad()
def _count(
    predict: PredictLogits, group: list[Sample], options: EvaluationOptions, result: Evaluation, device: torch.device
) -> None:
    names = ", ".join(sample.id for sample in group)
    height, width = _labels(group[0]).shape
    images = batch_images(group, device)
    decision = predict_labels(_checked(predict, len(result.classes), names), images, (height, width), options)
    for index, sample in enumerate(group):
        labels = torch.from_numpy(np.require(_labels(sample), requirements=["C", "W"]))
        try:
            result.add(sample.id, labels, decision.labels[index], decision.confidence[index])
        except ValueError as error:
            raise ValueError(f"sample {sample.id!r}: {error}") from error


def batch_images(group: Sequence[Sample], device: torch.device | str = "cpu") -> Float32[Tensor, "b planes h w"]:
    """Returns the images of samples of one size, with their column of depth, if they have one, as a plane.

    Colours are in [0, 1], other channels in stored values.
    """
    stacked = torch.from_numpy(np.stack([sample.image for sample in group])).to(device)
    planes = stacked.permute(0, 3, 1, 2)
    colours = planes.float().div_(255) if planes.dtype == torch.uint8 else planes
    depth = [plane for sample in group if (plane := depth_plane(sample)) is not None]
    return torch.cat([colours, torch.from_numpy(np.stack(depth))[:, None].to(device)], dim=1) if depth else colours


def _checked(predict: PredictLogits, num_classes: int, names: str) -> PredictLogits:
    """Returns `predict` with a check of its logits, so that a wrong network is reported and not scored."""

    def checked(images: Tensor) -> Tensor:
        logits = predict(images)
        if logits.ndim != 4 or logits.shape[:2] != (len(images), num_classes):
            wanted, got = f"({len(images)}, {num_classes}, h, w)", tuple(logits.shape)
            raise ValueError(f"sample {names!r}: expected logits {wanted}, got {got}; is it a model for these classes?")
        return logits

    return checked
