"""The splits that an experiment names, as they lie on the disk."""

from typing import Any

from seglet.data.dataset import Dataset, open_dataset
from seglet.data.joined import Joined
from seglet.data.portion import counterpart
from seglet.data.semi import SemiConfig
from seglet.data.world import World
from seglet.engine.settings import Settings


def training_data(settings: Settings, config: Any = None) -> Dataset:
    """The split to train on, and those pictures without masks that a `SemiConfig` adds, for reading each once.

    Raises:
        DataError: the folder or split is not there or not sound.
    """
    labelled = open_split(settings, settings.train_split, scored=False)
    if not isinstance(config, SemiConfig):
        return labelled
    return Joined((labelled, open_split(settings, unlabelled_split(settings, config), scored=False)))


def unlabelled_split(settings: Settings, config: SemiConfig) -> str:
    """Named, or the counterpart of the split to train on.

    Raises:
        DataError: it is not named, and the split to train on has no counterpart.
    """
    return config.unlabelled_split or counterpart(settings.train_split)


def open_split(settings: Settings, split: str, scored: bool) -> Dataset:
    """Masks follow the pictures' size; where they are to be `scored` on, they keep their own."""
    if settings.data == "world":
        scenes = max(100, settings.world_scenes // 10) if scored else settings.world_scenes
        return World(split, scenes=scenes, size=settings.world_size)
    return open_dataset(settings.data, split, resize=settings.resize, whole_masks=scored)
