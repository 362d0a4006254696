"""Few images with masks and many without, as one data set for semi-supervised training."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import DataLoader

from seglet.data.augment.colour import ColourJitter
from seglet.data.augment.geometry import Augmentation
from seglet.data.augment.strong import StrongAugmentation
from seglet.data.dataset import Dataset, Sample
from seglet.data.loading.data_config import DataConfig, ImageRows, SplitSource
from seglet.data.loading.partly_labelled import PartlyLabelledDataset
from seglet.data.loading.step_sampler import StepSampler
from seglet.data.loading.wrapped_datasets import JoinedDataset
from seglet.data.splits.fractions import unlabelled_counterpart
from seglet.types import SemiStep, option

PartnerSource = Literal["reversed", "batch"]


@dataclass(frozen=True)
class SemiConfig(DataConfig):
    """Keys of every method that also learns from images without masks."""

    unlabelled_split: str | None = option(
        None, "images without masks; none: the counterpart of train_split, 1_8/unlabelled for 1_8/labelled"
    )
    unlabelled_ratio: int = option(1, "unlabelled images for each labelled one of a step; 1 in UniMatch")
    streams: int = option(2, "strong views of an image in a step; UniMatch Sec. 3.3: 2, FixMatch: 1")
    partner: PartnerSource = option(
        "batch", "what CutMix pastes: images drawn for it (UniMatch code), or those of the step in reverse (V2 code)"
    )
    hard_pixels: int = option(
        0, "least number of pixels of a batch in the loss of masks, the hardest and all below 0.7 (OHEM); 0: every "
        "pixel; UniMatch code, Cityscapes: 200000"
    )  # fmt: skip
    strong_jitter: tuple[float, float, float, float] = option(
        (0.5, 0.5, 0.5, 0.25), "brightness, contrast, saturation, hue of strong views; UniMatch code"
    )
    strong_jitter_chance: float = option(0.8, "probability of this jitter; UniMatch code")
    strong_grey_chance: float = option(0.2, "probability that a strong view is grey; UniMatch code")
    strong_blur_chance: float = option(0.5, "probability that a strong view is blurred; UniMatch code")
    strong_blur: tuple[float, float] = option((0.1, 2.0), "least and largest blur, σ in pixels; UniMatch code")

    def __post_init__(self) -> None:
        for name in ("unlabelled_ratio", "streams"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.hard_pixels < 0:
            raise ValueError(f"hard_pixels: expected 0 or more, got {self.hard_pixels}")
        for name in ("strong_jitter_chance", "strong_grey_chance", "strong_blur_chance"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        if not 0 < self.strong_blur[0] <= self.strong_blur[1]:
            raise ValueError(f"strong_blur: expected 0 < least <= largest, got {self.strong_blur}")
        ColourJitter(*self.strong_jitter)

    @property
    def strong(self) -> StrongAugmentation:
        """Settings of strong views."""
        return StrongAugmentation(
            ColourJitter(*self.strong_jitter),
            self.strong_jitter_chance,
            self.strong_grey_chance,
            self.strong_blur_chance,
            self.strong_blur,
        )

    def training_images(self, source: SplitSource) -> Dataset:
        """Opens the labelled images and, after them, those without masks."""
        return JoinedDataset((source.open(source.train_split), source.open(self._unlabelled_split(source))))

    def datasets(self, source: SplitSource) -> dict[str, Dataset]:
        """Opens the data sets of a run: a `SemiDataset` to train on, and its images without masks under their own name.

        Raises:
            DataError: an unlabelled image is also labelled, or there is no unlabelled split.
        """
        scored = source.cached(self.validation_images(source))
        labelled = source.cached(source.open(source.train_split))
        split = self._unlabelled_split(source)
        unlabelled = source.cached(source.open(split))
        return {
            split: unlabelled,
            source.val_split: scored,
            source.train_split: SemiDataset(labelled, unlabelled, self),
        }

    def _unlabelled_split(self, source: SplitSource) -> str:
        return self.unlabelled_split or unlabelled_counterpart(source.train_split)

    def loader(
        self, supervision: type, data: Dataset, augment: Augmentation, sampler: StepSampler, workers: int = 0
    ) -> DataLoader[Any]:
        """Returns the endless stream of training steps, `SemiStep` or those of the labelled images alone."""
        if supervision is not SemiStep or not isinstance(data, SemiDataset):
            return super().loader(supervision, data, augment, sampler, workers)
        from seglet.data.loading.semi_supervised_loader import semi_loader

        return semi_loader(data, augment, sampler, workers)

    def missing_annotation(self, supervision: type, sample: Sample) -> Literal["masks", "tags"] | None:
        """Returns what steps of type `supervision` need and this sample of the training split lacks."""
        if supervision is SemiStep:
            return "masks" if sample.labels is None else None
        return super().missing_annotation(supervision, sample)

    def training_notes(self, data: Dataset, steps: int, batch: int) -> list[str]:
        """Returns how often images come, and which classes no labelled image shows."""
        if not isinstance(data, SemiDataset):
            return []
        unlabelled, taken, missing = len(data.unlabelled), batch * self.unlabelled_ratio, missing_classes(data.labelled)
        lines = [
            f"{len(data)} labelled and {unlabelled} unlabelled images: an epoch of these is "
            f"{math.ceil(unlabelled / taken)} steps, this run has {steps * taken / unlabelled:.1f}; "
            f"each labelled image comes {steps * batch / len(data):.0f} times"
        ]
        lines += [f"no labelled image shows {', '.join(missing)}: it cannot be learnt"] * bool(missing)
        alone = self.partner == "reversed" and taken < 2
        return lines + ["CutMix pastes nothing: a step has one unlabelled image, its own partner in the reversed "
                        "step; raise batch or unlabelled_ratio, or set partner: batch"] * alone  # fmt: skip

    def example_sheets(self, data: Dataset, augment: Augmentation, seed: int, count: int) -> Mapping[str, ImageRows]:
        """Returns one sheet: the weak views of the first images without masks, below them each strong view."""
        if not isinstance(data, SemiDataset):
            return {}
        config = replace(self, unlabelled_ratio=1, partner="reversed")
        shown = SemiDataset(data.labelled, data.unlabelled, config)
        step = next(iter(config.loader(SemiStep, shown, augment, StepSampler(len(data), count, seed=seed))))
        views = torch.cat((step.unlabelled.images[None], step.unlabelled.strong)).permute(0, 1, 3, 4, 2)
        rows = (views * 255).round().to(torch.uint8).numpy()
        return {"unlabelled": [list(row) for row in rows]}


class SemiDataset(PartlyLabelledDataset):
    """The labelled and the unlabelled images of semi-supervised training, and how steps are made of them."""

    def __init__(self, labelled: Dataset, unlabelled: Dataset, config: SemiConfig) -> None:
        super().__init__(labelled, unlabelled)
        self.config = config

    def map_parts(self, change: Callable[[Dataset], Dataset]) -> Dataset:
        """Returns this data set with `change` applied to the labelled and to the unlabelled images."""
        return SemiDataset(change(self.labelled), change(self.unlabelled), self.config)


def missing_classes(labelled: Dataset) -> list[str]:
    """Returns the names of the classes without a labelled pixel, in order; reads images until all classes are found."""
    missing = set(range(len(labelled.classes)))
    for sample in labelled:
        if sample.labels is not None:
            missing -= set(np.unique(sample.labels).tolist())
        if not missing:
            break
    return [labelled.classes.names[label] for label in sorted(missing)]
