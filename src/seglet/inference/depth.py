"""Depth of images for networks that take it: from files, or from the depth network of their training.

Axes: h rows, w columns.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from seglet.data.columns.depth import DEPTH_COLUMN, DepthFiles
from seglet.data.dataset import Dataset, Sample
from seglet.data.enhance.by_name import Enhancer
from seglet.inference.brighten import find_enhancer
from seglet.models.foundation.depth_estimator import DepthEstimator
from seglet.models.segmenter import Segmenter

DepthSource = Callable[[UInt8[np.ndarray, "h w 3"], str], Float32[np.ndarray, "rows columns"]]
"""A function from an image and its name to its depth in [0, 1], 0 nearest."""


def find_depth_source(model: Segmenter, given: str | None) -> DepthSource | None:
    """Returns the source of a network's depth; None for a network that takes colours alone.

    Args:
        model: the network.
        given: a folder of depth maps or a depth network; None for the depth network of its training.

    Raises:
        ValueError: depth is given to a network that takes none, or its source is not known or cannot be read.
    """
    guide = model.architecture.depth
    if guide is None:
        if given is not None:
            raise ValueError(f"--depth is for networks that take depth, this {model.architecture.name} does not")
        return None
    source = guide.source if given is None else given
    if source is None:
        raise ValueError(
            "this network was trained with depth from files: give those of the images with --depth FOLDER, or a depth "
            "network with --depth NAME"
        )
    folder = Path(source)
    if folder.is_dir() and not (folder / "config.json").is_file():
        return _from_files(DepthFiles(folder, guide.invalid))
    change = None if guide.brighten is None else find_enhancer(guide.brighten)
    return _estimated(DepthEstimator.load(source).to(next(model.parameters()).device), change)


def _from_files(files: DepthFiles) -> DepthSource:
    return lambda image, name: files.read(name, (image.shape[0], image.shape[1]))


def _estimated(estimator: DepthEstimator, change: Enhancer | None) -> DepthSource:
    device = next(estimator.parameters()).device

    def depths(image: UInt8[np.ndarray, "h w 3"], name: str) -> Float32[np.ndarray, "h w"]:
        image = image if change is None else change(image)
        batch = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].to(device).float() / 255
        return np.asarray(estimator.estimate(batch)[0].cpu().numpy(), np.float32)

    return depths


class DepthDataset(Dataset):
    """The samples of a data set with their depth as a column."""

    def __init__(self, dataset: Dataset, depths: DepthSource) -> None:
        self.dataset, self.depths = dataset, depths
        self.classes, self.ids, self.fingerprint = dataset.classes, dataset.ids, dataset.fingerprint

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        return self.dataset.identity(index, reads)

    def read(self, index: int) -> Sample:
        """Reads the sample at `index` and its depth."""
        sample = self.dataset.read(index)
        depth = self.depths(sample.image, sample.id)
        return replace(
            sample, columns={**sample.columns, DEPTH_COLUMN: depth}, kinds={**sample.kinds, DEPTH_COLUMN: "image"}
        )


def add_depth_column(data: Dataset, model: Segmenter, given: str | None) -> Dataset:
    """Returns the data with the depth that a network takes, or the same data; see `find_depth_source`."""
    depths = find_depth_source(model, given)
    return data if depths is None else DepthDataset(data, depths)
