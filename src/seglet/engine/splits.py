"""The splits that an experiment names, as they lie on the disk."""

from typing import Any

from seglet.data.dataset import Dataset, is_world, open_dataset
from seglet.data.loading.joined import Joined
from seglet.data.loading.pairs import Brightened, PairConfig, Paired
from seglet.data.loading.semi import SemiConfig
from seglet.data.splits.fractions import counterpart
from seglet.data.world.options import open_world
from seglet.engine.settings import Settings


def training_data(settings: Settings, config: Any = None) -> Dataset:
    """The split to train on, for reading each image once; of pairs (`PairConfig`) the images in the dark.

    Behind them come the images without masks that a `SemiConfig` adds.

    Raises:
        DataError: the folder or split is not there or not sound.
    """
    learnt = open_split(settings, settings.train_split, False, isinstance(config, PairConfig))
    if not isinstance(config, SemiConfig):
        return learnt
    return Joined((learnt, open_split(settings, unlabelled_split(settings, config), scored=False)))


def unlabelled_split(settings: Settings, config: SemiConfig) -> str:
    """Named, or the counterpart of the split to train on.

    Raises:
        DataError: it is not named, and the split to train on has no counterpart.
    """
    return config.unlabelled_split or counterpart(settings.train_split)


def scored_data(settings: Settings, config: Any = None) -> Dataset:
    """The split to validate on, likewise."""
    return open_split(settings, settings.val_split, True, isinstance(config, PairConfig))


def open_split(settings: Settings, split: str, scored: bool, dark: bool = False) -> Dataset:
    """Masks follow the images' size; where they are to be `scored` on, they keep their own.

    `dark` takes the embedded world at night; other data are as dark as they are. What the name of a world says goes
    before `world_scenes` and `world_size`.
    """
    if is_world(settings.data):
        scenes = max(100, settings.world_scenes // 10) if scored else settings.world_scenes
        return open_world(settings.data, split, scenes=scenes, size=settings.world_size, dark=dark)
    return open_dataset(settings.data, split, resize=settings.resize, whole_masks=scored)


def paired(settings: Settings, config: PairConfig, dark: Dataset) -> Dataset:
    """The images in the dark beside those in the light that the config names, or beside themselves brightened.

    Raises:
        DataError: there are no such images, a pair is not complete, or the classes differ.
    """
    split = config.light_split or settings.train_split
    if config.light is None and not is_world(settings.data):
        return Brightened(dark, config.brighten)
    if config.light is None:
        return Paired(dark, open_split(settings, split, scored=False))
    light = open_dataset(config.light, split, resize=settings.resize)
    return Paired(dark, light, config.light_offset)
