import pytest
from tests.data.toys import Toys, sample

from seglet.data.errors import DataError
from seglet.data.loading.wrapped_datasets import CachedDataset, JoinedDataset
from seglet.data.world.dataset import World


def test_the_second_part_begins_where_the_first_ends() -> None:
    parts = World("1_4/labelled", 8, 16), World("1_4/unlabelled", 8, 16)
    both = JoinedDataset(parts)
    assert list(both.ids) == [f"train-{place:06d}" for place in range(8)]
    assert both.read(2).id == "train-000002"
    assert both.identity(2) == parts[1].identity(0)
    assert both.read(2).labels is None


def test_beyond_the_last_there_is_none() -> None:
    with pytest.raises(IndexError):
        JoinedDataset([World("train", 2, 16)]).read(2)


def test_joining_no_data_sets_is_refused() -> None:
    with pytest.raises(DataError, match="same classes"):
        JoinedDataset([])


def test_a_cache_reads_each_sample_once_and_what_has_no_room_every_time() -> None:
    toys = Toys([sample(seed=seed) for seed in range(2)])  # 20 x 30 pixels: 2400 bytes each
    cached = CachedDataset(toys, 3000)
    for _ in range(3):
        assert [item.id for item in cached] == ["toy0", "toy1"]
    assert toys.reads == [1, 3]
    assert cached.held_bytes == 2400


def test_parts_of_one_source_are_shown_with_it_once() -> None:
    parts = World("1_4/labelled", 8, 16), World("1_4/unlabelled", 8, 16)
    assert JoinedDataset(parts).origin == "'1_4/labelled' + '1_4/unlabelled'"
    assert JoinedDataset([parts[0], parts[0]]).origin == "'1_4/labelled'"
