"""The data-related part of a method's config: splits, loaders, and what the engine asks of it."""

from dataclasses import dataclass

import pytest
import torch

from seglet.data.augment.geometry import Augmentation
from seglet.data.dataset import Sample
from seglet.data.loading.dark_light_pairs import PairConfig
from seglet.data.loading.data_config import DataConfig, SplitSource
from seglet.data.loading.semi_dataset import SemiConfig
from seglet.data.loading.step_sampler import StepSampler
from seglet.types import Labelled, SemiStep, Tagged

WORLD = SplitSource("world", "1_8/labelled", "val", world_scenes=16, world_size=32)


class Boxed:
    """A kind of step that seglet does not know."""


@dataclass(frozen=True)
class BoxConfig(DataConfig):
    """The config of a method that learns from such steps."""

    def loader(self, supervision, data, augment, sampler, workers=0):
        return supervision, len(data), workers


def load(config, supervision, source=WORLD):
    data = config.datasets(source)[source.train_split]
    return config.loader(supervision, data, Augmentation((32, 32)), StepSampler(len(data), batch=2))


@pytest.mark.parametrize(
    ("config", "kind"), [(DataConfig(), Labelled), (DataConfig(), Tagged), (SemiConfig(), SemiStep)]
)
def test_a_config_loads_the_steps_of_its_method(config, kind):
    assert type(next(iter(load(config, kind)))) is kind


def test_a_config_with_steps_of_its_own_brings_their_loader():
    assert load(BoxConfig(), Boxed) == (Boxed, 2, 0)


def test_steps_nobody_loads_are_answered_with_what_to_write():
    with pytest.raises(ValueError, match=r"no loader for steps of type Boxed.*overrides `loader`"):
        load(DataConfig(), Boxed)


def test_missing_annotation_is_named_by_what_the_steps_need():
    bare = Sample("a", torch.zeros(4, 4, 3, dtype=torch.uint8).numpy(), None, None)
    assert [DataConfig().missing_annotation(kind, bare) for kind in (Labelled, Tagged, Boxed)] == [
        "masks",
        "tags",
        None,
    ]
    assert SemiConfig().missing_annotation(SemiStep, bare) == "masks"


def test_columns_of_few_masks_are_computed_for_the_images_without_masks_too():
    assert len(SemiConfig().training_images(WORLD)) == 16
    assert len(DataConfig().training_images(WORLD)) == 2


def test_each_part_of_few_masks_is_changed_apart():
    data = SemiConfig().datasets(WORLD)["1_8/labelled"]
    sizes = []
    data.map_parts(lambda part: sizes.append(len(part)) or part)
    assert sizes == [2, 14]


def test_only_dark_worlds_are_evaluated_in_the_dark():
    names = ["world", "world:clutter=8", "folder"]
    assert [PairConfig().evaluation_data(name) for name in names] == [
        "world:dark=1",
        "world:clutter=8,dark=1",
        "folder",
    ]
    assert [DataConfig().evaluation_data(name) for name in names] == names


def test_worlds_to_score_on_have_at_least_a_hundred_scenes_and_nothing_is_cached_without_room():
    assert len(WORLD.open("val", scored=True)) == 100
    data = WORLD.open("train")
    assert WORLD.cached(data) is data
