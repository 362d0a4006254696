"""The stream of training steps, in the order that the experiment's seed decides."""

from typing import Any

import lightning
from torch.utils.data import DataLoader

from seglet.data.augment.colour import ColourJitter
from seglet.data.augment.geometry import Augmentation
from seglet.data.augment.terms import parse_augment
from seglet.data.dark.views import DarkViews
from seglet.data.dataset import Dataset
from seglet.data.loading.step_sampler import StepSampler
from seglet.engine.datasets import data_config
from seglet.engine.experiment import Experiment
from seglet.engine.settings import Settings


def view_augmentation(settings: Settings) -> Augmentation:
    """Returns the augmentation of training views: crop, zoom, flip, colour jitter and darkness."""
    strength = settings.colour_jitter
    jitter = ColourJitter(brightness=strength, contrast=strength, saturation=strength)
    dark = DarkViews(
        settings.dark, settings.dark_share, settings.dark_safe_invert, settings.dark_stops, settings.dark_variant
    )
    return Augmentation(
        crop=settings.crop,
        scale=settings.scale,
        flip=settings.flip,
        jitter=jitter,
        dark=dark,
        more=parse_augment(settings.augment),
        copy_paste=settings.copy_paste,
    )


def drawing_chances(settings: Settings, data: Dataset) -> tuple[float, ...] | None:
    """Returns the chance of each image to be drawn; None if each comes once an epoch."""
    if not settings.balance:
        return None
    from seglet.data.loading.class_balance import class_balanced_chances

    return class_balanced_chances(data)


class TrainingDataModule(lightning.LightningDataModule):
    """The endless stream of training steps for Lightning, beginning after the `start` steps that are already done."""

    def __init__(self, data: Dataset, experiment: Experiment, supervision: type, start: int = 0) -> None:
        super().__init__()
        self.data = data
        self.experiment = experiment
        self.supervision = supervision
        self.start = start

    def train_dataloader(self) -> DataLoader[Any]:
        settings, trainer = self.experiment.settings, self.trainer
        if trainer is None:
            raise RuntimeError("a TrainingDataModule gives batches only to a trainer")
        sampler = StepSampler(
            size=len(self.data),
            batch=settings.batch // (trainer.world_size * settings.accumulate),
            accumulate=settings.accumulate,
            seed=settings.seed,
            rank=trainer.global_rank,
            world=trainer.world_size,
            start_step=self.start,
            chances=drawing_chances(settings, self.data),
            groups=self.data.groups,
        )
        config, views = data_config(self.experiment.config), view_augmentation(settings)
        return config.loader(self.supervision, self.data, views, sampler, settings.workers)


def first_batch(experiment: Experiment, data: Dataset, views: int, supervision: type) -> Any:
    """Returns the first `views` views of training, as one step."""
    settings = experiment.settings
    chances = drawing_chances(settings, data)
    sampler = StepSampler(size=len(data), batch=views, seed=settings.seed, chances=chances, groups=data.groups)
    loader = data_config(experiment.config).loader(supervision, data, view_augmentation(settings), sampler)
    return next(iter(loader))
