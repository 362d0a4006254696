"""Networks and images small enough for a step in a fraction of a second."""

from typing import Any

import torch

from seglet.methods.fotf import Config, Method
from seglet.models.architecture import Architecture
from seglet.models.distillation.class_teacher import ClassTeacher
from seglet.models.distillation.teachers import Frozen
from seglet.models.segmenter import Segmenter, build
from seglet.types import IGNORE, Classes, Crop, Labelled, Target

CLASSES = Classes(("sky", "road", "car"), ((0, 0, 255), (128, 128, 128), (255, 0, 0)))
SMALL: dict[str, Any] = {"student": "pspnet-resnet18", "width": 0.125}


def labelled(seed: int = 0, size: int = 32) -> Labelled:
    """Returns two noisy images whose left half is sky and right half road, with a void top row."""
    labels = torch.zeros(2, size, size, dtype=torch.long)
    labels[:, :, size // 2 :] = 1
    labels[:, 0] = IGNORE
    noise = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(seed))
    images = 0.5 * noise + 0.5 * (labels == 1).unsqueeze(1)
    crop = Crop(torch.tensor([[0.0, 0.0, 1.0, 1.0]] * 2), torch.zeros(2, dtype=torch.bool))
    return Labelled(("a", "b"), images, Target(labels, torch.ones(labels.shape)), crop)


def teacher(classes: Classes = CLASSES, **changes: Any) -> Segmenter:
    return build(Architecture(**{"name": "pspnet-resnet18", "width": 0.125, **changes}), classes, seed=1)


def fotf(distils: bool = True, source: Segmenter | None = None, **changes: Any) -> Method:
    """Returns a FOTF whose student starts from the same weights each time."""
    method = Method.build(Config(**{**SMALL, **changes}), CLASSES, seed=0)
    if distils:
        method.teacher = ClassTeacher(Frozen((source or teacher()).network))
    return method.train()
