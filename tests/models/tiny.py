"""Small networks for tests that do not care which."""

import torch
from torch import Tensor

from seglet.models.segmenter import Architecture, Segmenter, build
from seglet.types import Classes

CLASSES = Classes(("background", "cat", "dog"), ((0, 0, 0), (255, 0, 0), (0, 0, 255)))
NAMES = ("deeplabv3-resnet18", "pspnet-resnet18", "segformer-mit_b0")
SSSS = ("ssss-wideresnet38", "ssss-resnet18", "ssss-resnet50", "ssss-mit_b0", "ssss-clip_tiny")


def tiny(name: str = "deeplabv3-resnet18", **changes: float) -> Segmenter:
    return build(Architecture(name, **{"width": 0.125, "drop_path": 0.0, **changes}), CLASSES)  # type: ignore[arg-type]


def images(count: int = 2, height: int = 32, width: int = 32) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))
