"""Trains a Zero-DCE network on dark images; it needs no bright ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from seglet.data.loading.step_sampler import EpochOrder, augmentation_rng
from seglet.engine.console import ProgressDisplay
from seglet.inference.inputs import ImageFile
from seglet.losses.zero_dce import zero_reference_terms
from seglet.models.zero_dce import ZeroDCE, apply_curves

_DECAY, _CLIP = 1e-4, 0.1
"""Weight decay of Adam, and the largest norm of a gradient; the authors' code."""


@dataclass(frozen=True)
class ZeroDCETraining:
    """Length and batches of the training, which takes some minutes on a processor.

    The authors take 512 pixels a side, 8 images, a rate of 1e-4, and some 60 000 steps on 2 422 images.
    """

    steps: int = 500
    batch: int = 4
    crop: int = 64
    seed: int = 0
    rate: float = 1e-3


def train_zero_dce(sources: Sequence[ImageFile], training: ZeroDCETraining, device: torch.device) -> ZeroDCE:
    """Trains a network for such images, which depends on them and on `training` alone; in evaluation mode on the CPU.

    Raises:
        ValueError: an image cannot be read, or the loss is not finite.
    """
    model = ZeroDCE()
    model.draw_weights(torch.Generator().manual_seed(training.seed))
    model.to(device)
    optimiser = torch.optim.Adam(model.parameters(), training.rate, weight_decay=_DECAY)
    with ProgressDisplay("train zero-dce", training.steps) as display:
        for step, batch in enumerate(crop_batches(sources, training)):
            images = batch.to(device)
            curves = model.curves(images)
            total = torch.stack(list(zero_reference_terms(images, apply_curves(images, curves), curves).values())).sum()
            if not total.isfinite():
                raise ValueError(f"the loss of Zero-DCE is {total.item()} at step {step}; lower its rate")
            optimiser.zero_grad()
            total.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
            optimiser.step()
            display.advance(step + 1)
    return model.cpu().eval().requires_grad_(False)


def crop_batches(images: Sequence[ImageFile], training: ZeroDCETraining) -> Iterator[Float[Tensor, "b 3 h w"]]:
    """Yields batches of random crops, half of them mirrored; each depends on the seed and its position alone."""
    order = EpochOrder(len(images), training.seed)
    for step in range(training.steps):
        places = range(step * training.batch, (step + 1) * training.batch)
        crops = [_crop(images[order.index(place)], training, place) for place in places]
        yield torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255


def _crop(source: ImageFile, training: ZeroDCETraining, place: int) -> np.ndarray:
    image, rng = source.read(), augmentation_rng(training.seed, place)
    missing = [(0, max(0, training.crop - side)) for side in image.shape[:2]]
    image = np.pad(image, (*missing, (0, 0)), mode="edge")
    top, left = (int(rng.integers(side - training.crop + 1)) for side in image.shape[:2])
    crop = image[top : top + training.crop, left : left + training.crop]
    return crop[:, ::-1] if rng.random() < 0.5 else crop
