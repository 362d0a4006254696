"""The ways to brighten an image, and one image's work."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from seglet.data.dataset import Dataset, Sample
from seglet.data.enhance.by_name import ENHANCERS, Enhancer
from seglet.files import replace_atomically
from seglet.inference.inputs import ImageFile, gather_images, result_path
from seglet.models.image_tensor import image_batch
from seglet.models.zero_dce import ZeroDCE, load_zero_dce


@dataclass(frozen=True)
class ZeroDCEEnhancer:
    """A trained network as an `Enhancer`, on the CPU."""

    model: ZeroDCE

    @torch.inference_mode()
    def __call__(self, image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
        bright = self.model(image_batch(image))[0].clamp(0, 1).permute(1, 2, 0)
        return np.asarray((bright * 255).round().to(torch.uint8).numpy())


def find_enhancer(name: str) -> Enhancer:
    """The rule of that name, or the trained network in that folder.

    Raises:
        ValueError: there is none.
    """
    if name in ENHANCERS:
        return ENHANCERS[name]
    if not Path(name).is_dir():
        raise ValueError(f"no way to brighten is called {name!r}; there are {', '.join(ENHANCERS)}, or give the folder "
                         "zero-dce that `seglet enhance --method zero-dce` saved")  # fmt: skip
    return ZeroDCEEnhancer(load_zero_dce(Path(name)))


class EnhancedDataset(Dataset):
    """The samples with their images gone through an enhancer."""

    def __init__(self, dataset: Dataset, change: Enhancer) -> None:
        self.dataset, self.change = dataset, change
        self.classes, self.ids, self.fingerprint = dataset.classes, dataset.ids, dataset.fingerprint

    def read(self, index: int) -> Sample:
        sample = self.dataset.read(index)
        return replace(sample, image=self.change(sample.image))


@dataclass(frozen=True)
class EnhanceTask:
    """An image to brighten."""

    image: ImageFile
    out: Path

    @property
    def name(self) -> str:
        return self.image.name

    @property
    def sources(self) -> tuple[Path, ...]:
        return (self.image.path,)

    @property
    def results(self) -> tuple[Path, ...]:
        return (result_path(self.out, self.name, ".png"),)


def enhance_tasks(inputs: Sequence[Path], out: Path) -> list[EnhanceTask]:
    """
    Raises:
        ValueError: an input is not there, or there is no image at all.
    """
    return [EnhanceTask(image, out) for image in gather_images(inputs, out)]


def enhance_file(enhancer: Enhancer, task: EnhanceTask) -> dict[str, Any]:
    bright = enhancer(task.image.read())
    with replace_atomically(task.results[0]) as temporary:
        Image.fromarray(bright).save(temporary, "PNG", compress_level=3)
    return {}
