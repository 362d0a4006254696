"""Ways to brighten images: rules, and a trained network."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from seglet.data.dataset import Dataset, Sample
from seglet.data.enhance.by_name import ENHANCERS, Enhancer
from seglet.images.value_range import Channel
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
    """Returns the rule of that name, or the trained network in that folder.

    Raises:
        ValueError: there is neither.
    """
    if name in ENHANCERS:
        return ENHANCERS[name]
    if not Path(name).is_dir():
        raise ValueError(f"no way to brighten is called {name!r}; there are {', '.join(ENHANCERS)}, or give the folder "
                         "zero-dce that `seglet enhance --method zero-dce` saved")  # fmt: skip
    return ZeroDCEEnhancer(load_zero_dce(Path(name)))


class EnhancedDataset(Dataset):
    """The samples of a data set with changed images."""

    def __init__(self, dataset: Dataset, change: Enhancer) -> None:
        self.dataset, self.change = dataset, change
        self.classes, self.ids, self.fingerprint = dataset.classes, dataset.ids, dataset.fingerprint

    @property
    def channels(self) -> tuple[Channel, ...] | None:
        """Channels of the data set."""
        return self.dataset.channels

    def read(self, index: int) -> Sample:
        """Reads the sample at `index` and changes its image."""
        sample = self.dataset.read(index)
        return replace(sample, image=self.change(sample.image))
