"""Which data an experiment sees, and in which order."""

from typing import Any

import lightning
from torch.utils.data import DataLoader

from seglet.data.augment.colour import Jitter
from seglet.data.augment.geometry import Augment
from seglet.data.dark.views import DarkViews
from seglet.data.dataset import Dataset
from seglet.data.loading.cached import Cached
from seglet.data.loading.loaders import labelled_loader, tagged_loader
from seglet.data.loading.pairs import PairConfig
from seglet.data.loading.sampling import StepSampler
from seglet.data.loading.semi import SemiConfig, SemiDataset
from seglet.data.loading.semi_loader import semi_loader
from seglet.engine.settings import Settings
from seglet.engine.splits import open_split, paired, scored_data, training_data, unlabelled_split
from seglet.types import Labelled, SemiStep, Tagged


def datasets(settings: Settings, config: Any = None) -> dict[str, Dataset]:
    """The splits to train and to validate on, by name, kept in memory as far as `cache` allows.

    Masks to train on follow the images' size; those to validate on keep their own. Where the method's `config` is a
    `SemiConfig`, the split to train on is a `SemiDataset`, and the unlabelled images are there under their own name.
    Where it is a `PairConfig`, all are in the dark, and those to train on have the light beside them.

    Raises:
        DataError: the folder or split is not there or not sound, or an unlabelled image is also labelled.
    """
    if isinstance(config, PairConfig):
        return _pairs(settings, config)
    wanted = {settings.val_split: True, settings.train_split: False}
    sets = {split: _cached(open_split(settings, split, scored), settings.cache) for split, scored in wanted.items()}
    if not isinstance(config, SemiConfig):
        return sets
    split = unlabelled_split(settings, config)
    unlabelled = _cached(open_split(settings, split, scored=False), settings.cache)
    return {
        split: unlabelled,
        **sets,
        settings.train_split: SemiDataset(sets[settings.train_split], unlabelled, config),
    }


def _pairs(settings: Settings, config: PairConfig) -> dict[str, Dataset]:
    learnt = paired(settings, config, training_data(settings, config))
    scored = scored_data(settings, config)
    return {settings.val_split: _cached(scored, settings.cache), settings.train_split: _cached(learnt, settings.cache)}


def _cached(data: Dataset, gibibytes: float) -> Dataset:
    return Cached(data, int(gibibytes * 2**30)) if gibibytes else data


def training_loader(
    supervision: type, data: Dataset, settings: Settings, sampler: StepSampler, workers: int = 0
) -> DataLoader[Any]:
    """The endless stream of the steps that a method under this supervision takes."""
    loaders: dict[type, Any] = {Labelled: labelled_loader, Tagged: tagged_loader, SemiStep: semi_loader}
    loader: DataLoader[Any] = loaders[supervision](data, augment(settings), sampler, workers)
    return loader


def augment(settings: Settings) -> Augment:
    strength = settings.colour_jitter
    jitter = Jitter(brightness=strength, contrast=strength, saturation=strength)
    dark = DarkViews(settings.dark, settings.dark_share)
    return Augment(crop=settings.crop, scale=settings.scale, flip=settings.flip, jitter=jitter, dark=dark)


class Feed(lightning.LightningDataModule):
    """The endless stream of training steps, beginning behind the `start` steps that were already taken."""

    def __init__(self, data: Dataset, settings: Settings, supervision: type, start: int = 0) -> None:
        super().__init__()
        self.data = data
        self.settings = settings
        self.supervision = supervision
        self.start = start

    def train_dataloader(self) -> DataLoader[Any]:
        settings, trainer = self.settings, self.trainer
        if trainer is None:
            raise RuntimeError("a Feed gives batches only to a trainer")
        sampler = StepSampler(
            size=len(self.data),
            batch=settings.batch // (trainer.world_size * settings.accumulate),
            accumulate=settings.accumulate,
            seed=settings.seed,
            rank=trainer.global_rank,
            world=trainer.world_size,
            start_step=self.start,
        )
        return training_loader(self.supervision, self.data, settings, sampler, settings.workers)
