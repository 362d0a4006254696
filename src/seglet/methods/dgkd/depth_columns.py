"""Producers of the depth column: a depth network, or files of the user. Axes: h rows, w columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from seglet.data.columns.depth import DEPTH_COLUMN, DepthFiles
from seglet.data.columns.kinds import ColumnKind, ColumnValue
from seglet.data.columns.producer import ColumnProducer, ComputeColumn
from seglet.data.dataset import Sample
from seglet.data.enhance.by_name import ENHANCERS, EnhancerName
from seglet.models.foundation.depth_estimator import DEPTH_LAYOUT, DepthEstimator
from seglet.models.foundation.hub import find_model


@dataclass(frozen=True)
class EstimatedDepth(ColumnProducer):
    """Producer of depth estimated from the dark image, at its size, in half precision; 0 nearest, 1 farthest.

    Images are first brightened by `brighten`, if given, because depth networks are trained on light images.
    """

    source: str
    brighten: EnhancerName | None = None
    name: str = DEPTH_COLUMN
    kind: ColumnKind = "image"
    maker: str = "depth-estimator/1"

    def identity(self) -> str:
        return find_model(self.source, "depth", DEPTH_LAYOUT).identity()

    def settings(self) -> Mapping[str, Any]:
        return {"brighten": self.brighten}

    def load(self, device: torch.device) -> ComputeColumn:
        brighten = _unchanged if self.brighten is None else ENHANCERS[self.brighten]
        estimator = DepthEstimator.load(self.source).to(device)

        def compute(samples: Sequence[Sample]) -> list[ColumnValue]:
            return [_half(estimator.estimate(_batch(brighten(sample.image)).to(device))[0]) for sample in samples]

        return compute


@dataclass(frozen=True)
class GivenDepth(ColumnProducer):
    """Producer of depth from maps in a folder, each scaled to [0, 1]; see `DepthFiles`."""

    folder: str
    invalid: float | None = None
    name: str = DEPTH_COLUMN
    kind: ColumnKind = "image"
    maker: str = "depth-files/1"

    def identity(self) -> str:
        return DepthFiles(Path(self.folder)).content()

    def settings(self) -> Mapping[str, Any]:
        return {} if self.invalid is None else {"invalid": self.invalid}

    def load(self, device: torch.device) -> ComputeColumn:
        files = DepthFiles(Path(self.folder), self.invalid)

        def compute(samples: Sequence[Sample]) -> list[ColumnValue]:
            return [files.read(one.id, (one.image.shape[0], one.image.shape[1])).astype(np.float16) for one in samples]

        return compute


def _unchanged(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    return image


def _batch(image: UInt8[np.ndarray, "h w 3"]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].float() / 255


def _half(depth: Tensor) -> np.ndarray:
    return np.asarray(depth.cpu().numpy().astype(np.float16))
