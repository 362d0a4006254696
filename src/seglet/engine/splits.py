"""The splits that an experiment names, as they lie on the disk."""

from seglet.data.dataset import Dataset, is_world, open_dataset
from seglet.data.world_options import open_world
from seglet.engine.settings import Settings


def training_data(settings: Settings) -> Dataset:
    """The split to train on, for reading each picture once.

    Raises:
        DataError: the folder or split is not there or not sound.
    """
    return open_split(settings, settings.train_split, scored=False)


def open_split(settings: Settings, split: str, scored: bool) -> Dataset:
    """Masks follow the pictures' size; where they are to be `scored` on, they keep their own.

    What the name of a world says goes before `world_scenes` and `world_size`.
    """
    if is_world(settings.data):
        scenes = max(100, settings.world_scenes // 10) if scored else settings.world_scenes
        return open_world(settings.data, split, scenes=scenes, size=settings.world_size)
    return open_dataset(settings.data, split, resize=settings.resize, whole_masks=scored)
