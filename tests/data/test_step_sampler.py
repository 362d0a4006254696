from itertools import chain, islice

import pytest

from seglet.data.loading.step_sampler import EpochOrder, StepSampler, augmentation_rng


def positions(batches):
    return [position for batch in batches for _, position in batch]


def test_every_epoch_visits_each_sample_once_in_another_order():
    order = EpochOrder(7, seed=3)
    first, second = [[order.index(7 * epoch + i) for i in range(7)] for epoch in (0, 1)]
    assert sorted(first) == sorted(second) == list(range(7))
    assert first != second


def test_order_does_not_depend_on_what_was_asked_before():
    asked_before = EpochOrder(10, seed=1)
    asked_before.index(57)
    assert [asked_before.index(p) for p in (3, 12, 4)] == [EpochOrder(10, seed=1).index(p) for p in (3, 12, 4)]


def test_resumed_sampler_continues_where_the_run_was_cut():
    whole = list(islice(StepSampler(10, batch=3, accumulate=2, seed=5), 12))
    assert list(islice(StepSampler(10, batch=3, accumulate=2, seed=5, start_step=4), 4)) == whole[8:]


def test_two_processes_of_half_the_batch_load_the_same_step():
    alone = next(iter(StepSampler(100, batch=4, seed=2, start_step=6)))
    shared = [next(iter(StepSampler(100, batch=2, seed=2, rank=r, world=2, start_step=6))) for r in (0, 1)]
    assert shared[0] + shared[1] == alone


def test_accumulated_batches_make_up_the_undivided_step():
    parts = islice(StepSampler(100, batch=2, accumulate=3, seed=2, start_step=5), 3)
    assert list(chain(*parts)) == next(iter(StepSampler(100, batch=6, seed=2, start_step=5)))


def test_positions_count_on_over_the_end_of_an_epoch():
    assert positions(islice(StepSampler(4, batch=3), 4)) == list(range(12))


def test_augmentation_differs_from_the_shuffle_and_between_positions():
    first, second = augmentation_rng(0, 0), augmentation_rng(0, 1)
    assert first.random() != second.random()
    assert augmentation_rng(0, 0).permutation(50).tolist() != [EpochOrder(50, 0).index(i) for i in range(50)]


@pytest.mark.parametrize("wrong", [{"size": 0}, {"batch": 0}, {"rank": 2, "world": 2}, {"seed": -1}])
def test_impossible_samplers_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        StepSampler(**{"size": 4, "batch": 2, **wrong})


def test_chances_decide_how_often_samples_come():
    order = EpochOrder(4, seed=0, chances=(0.5, 0.5, 0.0, 0.0))
    drawn = [order.index(position) for position in range(400)]
    assert set(drawn) == {0, 1}
    assert 160 < drawn.count(0) < 240
    assert [EpochOrder(4, 0, (0.5, 0.5, 0.0, 0.0)).index(place) for place in (7, 3)] == [drawn[7], drawn[3]]
