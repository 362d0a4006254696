"""The data sets of an experiment: the method's config decides which, the shared settings where they are."""

from typing import Any

from seglet.data.dataset import Dataset
from seglet.data.loading.data_config import DataConfig, SplitSource
from seglet.engine.settings import Settings


def data_config(config: Any) -> DataConfig:
    """Returns the data-related part of a method's config; a config without one gets the defaults."""
    return config if isinstance(config, DataConfig) else DataConfig()


def split_source(settings: Settings) -> SplitSource:
    """Returns the data that the settings name."""
    return SplitSource(
        data=settings.data,
        train_split=settings.train_split,
        val_split=settings.val_split,
        resize=settings.resize,
        world_scenes=settings.world_scenes,
        world_size=settings.world_size,
        cache=settings.cache,
        dark=settings.dark,
        dark_stops=settings.dark_stops,
        dark_variant=settings.dark_variant,
    )


def open_datasets(settings: Settings, config: Any = None) -> dict[str, Dataset]:
    """Opens the data sets of a run by the names of their splits, kept in memory as far as `cache` allows.

    Masks to train on are resized with their images; those to validate on keep their size.

    Raises:
        DataError: there is no such folder or split, or the data are not sound.
    """
    return data_config(config).datasets(split_source(settings))


def training_data(settings: Settings, config: Any = None) -> Dataset:
    """Opens all images that training uses, each once.

    Raises:
        DataError: there is no such folder or split, or the data are not sound.
    """
    return data_config(config).training_images(split_source(settings))


def validation_data(settings: Settings, config: Any = None) -> Dataset:
    """Opens the images to validate on.

    Raises:
        DataError: there is no such folder or split, or the data are not sound.
    """
    return data_config(config).validation_images(split_source(settings))
