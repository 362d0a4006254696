import pytest

from seglet.data.errors import DataError
from seglet.data.loading.wrapped_datasets import JoinedDataset
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


def test_nothing_cannot_be_joined() -> None:
    with pytest.raises(DataError, match="same classes"):
        JoinedDataset([])
