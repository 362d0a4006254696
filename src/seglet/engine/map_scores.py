"""Scores of the class maps that a method makes of training images from their tags, during training."""

from collections.abc import Iterator

import torch

from seglet.data.dataset import Dataset, Sample
from seglet.engine.module import TrainingModule
from seglet.evaluation.cam_curve import CamCurve
from seglet.methods.protocols import MapValidation
from seglet.models.image_tensor import image_batch
from seglet.types import Crop, Tagged, tag_vector


def map_scores(module: TrainingModule, data: Dataset) -> dict[str, float]:
    """Returns the mean IoU of a method's maps at the best threshold for the background, and that threshold.

    The images are evenly spaced among those of `data`, shared by all processes; those without a mask or tags are left
    out. Nothing is returned for a method without such maps.
    """
    method = module.method
    if not isinstance(method, MapValidation) or not method.scored_maps():
        return {}
    curve = CamCurve(data.classes)
    for sample in _chosen(data, method.scored_maps(), *module.scored_share()):
        if sample.labels is not None and sample.tags is not None:
            found = method.step_maps(whole_image_step(sample, len(data.classes)).to(module.device))
            curve.add(found[0].float(), torch.from_numpy(sample.labels))
    best = curve.reduce().best()
    return {"miou": best.miou, "threshold": best.threshold}


def _chosen(data: Dataset, count: int, rank: int, world: int) -> Iterator[Sample]:
    count = min(count, len(data))
    for place in range(rank, count, world):
        yield data.read(place * len(data) // count)


def whole_image_step(sample: Sample, classes: int) -> Tagged:
    """Returns a sample with tags as a batch of one view, the whole image at its own size, with its columns.

    Raises:
        ValueError: its tags are not known.
    """
    if sample.tags is None:
        raise ValueError(f"the tags of {sample.id!r} are not known")
    return Tagged(
        (sample.id,),
        image_batch(sample.image),
        tag_vector(sample.tags, classes)[None],
        Crop(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([False])),
        {name: torch.from_numpy(column)[None] for name, column in sample.columns.items()},
    )
