"""Scores of class maps that are cleaned, refined or told the tags before a class is chosen, picture by picture."""

from typing import Any

import numpy as np
import torch

from seglet.apps.seeing import Seer, see, settled, shown, taught_by_tags
from seglet.apps.seeing_options import Seeing
from seglet.apps.tag_maps import TagMaps
from seglet.data.dataset import Dataset, Sample, present
from seglet.data.errors import DataError
from seglet.data.loading import evaluation_samples
from seglet.data.planes import depth_plane
from seglet.engine.console import Steps
from seglet.evaluation.cam_curve import CamCurve
from seglet.evaluation.result import Evaluation


def score_maps(
    model: Seer, data: Dataset, seeing: Seeing, known_tags: bool = False, workers: int = 0
) -> dict[str, Any]:
    """What `Evaluation.as_dict` gives and, of a network that learned from tags, the curve of its maps unrefined.

    With `known_tags` the classes that a picture does not show are ruled out.

    Raises:
        DataError: a picture has no mask.
    """
    found = Evaluation(data.classes)
    curve = CamCurve(data.classes) if taught_by_tags(model) else None
    with Steps("evaluate", len(data), "pictures") as steps:
        for sample in evaluation_samples(data, workers=workers):
            _add(model, sample, seeing, known_tags, found, curve)
            steps.advance(found.count)
    return found.as_dict() | ({} if curve is None else {"cam_curve": curve.as_dict()})


def _add(
    model: Seer, sample: Sample, seeing: Seeing, known_tags: bool, found: Evaluation, curve: CamCurve | None
) -> None:
    if sample.labels is None:
        raise DataError(f"sample {sample.id!r} has no labels; evaluate on a split that has masks")
    tags = _tags(sample, found) if known_tags else None
    if isinstance(model, TagMaps):  # one of its controls reads the truth
        maps = model.maps(shown(sample.image, seeing), tags, seeing.resize, sample.labels)
    else:
        maps = see(model, sample.image, tags, seeing, depth_plane(sample))
    labels = torch.from_numpy(np.require(sample.labels, requirements=["C", "W"]))
    scores = torch.from_numpy(settled(maps, model, sample.image, tags, seeing.refiner))
    confidence, chosen = scores.max(dim=0)
    found.add(sample.id, labels, chosen.to(torch.uint8), confidence.clamp(0, 1))
    if curve is not None:
        curve.add(torch.from_numpy(maps), labels)


def _tags(sample: Sample, found: Evaluation) -> tuple[int, ...]:
    if sample.tags is not None:
        return sample.tags
    return () if sample.labels is None else present(sample.labels, found.classes)
