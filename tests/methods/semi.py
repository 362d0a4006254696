"""A step of two labelled and two unlabelled images, small enough for a fraction of a second."""

from typing import Any

import torch
from tests.methods.toys import CLASSES, SMALL, labelled

from seglet.methods.fixmatch import Config, Method
from seglet.types import SemiStep, Unlabelled


def unlabelled(seed: int = 1, streams: int = 2) -> Unlabelled:
    """Returns the labelled toys with other noise; the last column is padding."""
    weak = labelled(seed)
    valid = torch.ones(weak.images.shape[0], *weak.images.shape[2:], dtype=torch.bool)
    valid[:, :, -1] = False
    strong = torch.stack([(weak.images * (0.5 + 0.3 * stream)) for stream in range(streams)])
    return Unlabelled(("c", "d"), weak.images, strong, valid, weak.crop)


def semi(partner: bool = False, streams: int = 2) -> SemiStep:
    return SemiStep(labelled(), unlabelled(1, streams), unlabelled(2, streams) if partner else None)


def fixmatch(**changes: Any) -> Method:
    return Method.build(Config(**{**SMALL, "threshold": 0.0, **changes}), CLASSES, seed=0).train()
