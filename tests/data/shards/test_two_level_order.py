"""The order of training on shards: a pure function of seed and position, in windows of few shards."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from seglet.data.augment.geometry import Augmentation
from seglet.data.loading.step_sampler import GROUPS_AT_ONCE, EpochOrder, StepSampler

SIZES = tuple(1 + number % 5 for number in range(40))
TOTAL = sum(SIZES)


def test_each_epoch_takes_each_sample_once_in_another_order() -> None:
    order = EpochOrder(TOTAL, seed=3, groups=SIZES)
    epochs = [[order.index(epoch * TOTAL + place) for place in range(TOTAL)] for epoch in range(2)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(TOTAL))] * 2
    assert epochs[0] != epochs[1]


def test_positions_may_be_asked_for_in_any_order() -> None:
    order = EpochOrder(TOTAL, seed=3, groups=SIZES)
    forward = [order.index(place) for place in range(2 * TOTAL)]
    backward = [order.index(place) for place in reversed(range(2 * TOTAL))]
    assert backward[::-1] == forward


def test_a_window_holds_few_shards() -> None:
    shard_of = np.repeat(np.arange(len(SIZES)), SIZES)
    order = EpochOrder(TOTAL, seed=3, groups=SIZES)
    shards = [int(shard_of[order.index(place)]) for place in range(TOTAL)]
    last = {shard: place for place, shard in enumerate(shards)}
    first = {shard: shards.index(shard) for shard in last}
    assert max(sum(first[s] <= place <= last[s] for s in last) for place in range(TOTAL)) <= GROUPS_AT_ONCE


def test_few_shards_are_shuffled_as_one() -> None:
    whole, grouped = EpochOrder(9, seed=1), EpochOrder(9, seed=1, groups=(4, 5))
    assert [whole.index(place) for place in range(20)] == [grouped.index(place) for place in range(20)]


def test_two_ranks_and_a_resumed_run_take_the_samples_of_one() -> None:
    one = list(islice(StepSampler(TOTAL, batch=4, seed=1, groups=SIZES), 60))
    two = [StepSampler(TOTAL, batch=2, seed=1, groups=SIZES, rank=r, world=2, start_step=33) for r in (0, 1)]
    resumed = [first + second for first, second in zip(*(islice(each, 27) for each in two), strict=True)]
    assert resumed == one[33:]


def test_views_of_a_resumed_run_are_those_of_an_uninterrupted_one(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow, of the extra `shards`, is not installed")
    from data.shards.sets import packed
    from seglet.data.loading.loaders import labelled_loader
    from seglet.data.opening import open_dataset

    shards = open_dataset(packed(tmp_path / "a", images=20, size=100), "train")
    assert len(shards.groups) == 20 > GROUPS_AT_ONCE

    def batches(start: int, count: int) -> list:
        sampler = StepSampler(20, batch=3, seed=5, start_step=start, groups=shards.groups)
        return list(islice(labelled_loader(shards, Augmentation(crop=(4, 4)), sampler), count))

    whole, resumed = batches(0, 14), batches(9, 5)
    for one, other in zip(whole[9:], resumed, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.target.labels, other.target.labels)


def test_groups_of_another_number_of_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="expected groups of 9 samples in all, got 8 in 2 groups"):
        EpochOrder(9, seed=0, groups=(4, 4))
