"""Outcomes of a job, image by image, in this process or by the actors of a cluster."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from seglet.actors import ActorPool
from seglet.inference.batch import failure_reason
from seglet.inference.depth import find_depth_source
from seglet.inference.from_tags import TagPredictor
from seglet.inference.image_jobs import ImageJob, PseudoLabelJob, SegmentationJob, TagMaskJob
from seglet.inference.inputs import ImageFile
from seglet.inference.models import choose_device
from seglet.models.onnx_segmenter import OnnxNetwork
from seglet.models.segmenter import Segmenter

_SentJob = SegmentationJob | TagMaskJob | PseudoLabelJob
_BATCH = 4
"""Images that an actor takes at once."""


@dataclass(frozen=True)
class ImageOutcome:
    """The results of a job for an image, for the record, or the reason why there are none."""

    made: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


def image_outcomes(
    job: ImageJob, images: Sequence[ImageFile], cure: str, pool: ActorPool | None, note: Callable[[str], None]
) -> Iterator[ImageOutcome]:
    """Yields the outcome of each image, in their order; with a pool, its actors make them.

    `cure` says what helps if memory runs out, and `note` takes messages about actors.

    Raises:
        ValueError: the model cannot be sent to actors.
    """
    if pool is None:
        yield from (make_image(job, image, cure) for image in images)
        return
    yield from pool.map(_JobActor(_portable(job), pool.device, cure), images, _BATCH, _lost, note)


def make_image(job: ImageJob, image: ImageFile, cure: str) -> ImageOutcome:
    """Makes the results of one image; an error that it causes becomes the reason."""
    try:
        return ImageOutcome(job.make(image, image.read()))
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        return ImageOutcome(reason=failure_reason(error, cure))


@dataclass(frozen=True)
class _JobActor:
    """The work of an actor; called, it moves the model to its device."""

    job: _SentJob
    device: str
    cure: str

    def __call__(self) -> Callable[[ImageFile], ImageOutcome]:
        job = _on_device(self.job, choose_device(self.device))
        return lambda image: make_image(job, image, self.cure)


def _portable(job: ImageJob) -> _SentJob:
    """Returns the job without its images and its source of depth, which each actor opens for itself.

    Raises:
        ValueError: its model is an exported file.
    """
    assert isinstance(job, SegmentationJob | TagMaskJob | PseudoLabelJob)
    if isinstance(job.model, Segmenter) and isinstance(job.model.network, OnnxNetwork):
        raise ValueError("an exported file predicts on one machine; work without Ray, or give the segmenter that "
                         "it was made of")  # fmt: skip
    alone = copy.copy(job)
    alone.images, alone.skipped = [], []
    if not isinstance(alone, TagMaskJob):
        alone.depths = None
    return alone


def _on_device(job: _SentJob, device: torch.device) -> _SentJob:
    """Returns the job of an actor, with its model on a device."""
    placed: Any = job
    if isinstance(job.model, TagPredictor):
        method: Any = job.model.method
        placed.model = replace(job.model, method=method.to(device), device=device)
    else:
        placed.model = job.model.to(device).eval()
        placed.depths = find_depth_source(placed.model, placed.options.inference.depth)
    return job


def _lost(image: ImageFile, reason: str) -> ImageOutcome:
    return ImageOutcome(reason=reason)
