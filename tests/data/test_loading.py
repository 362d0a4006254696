import os
import warnings
from itertools import islice

import numpy as np
import pytest
import torch
from tests.data.toys import Toys, random_image, sample

from seglet.data.augment.geometry import Augmentation
from seglet.data.dataset import Sample
from seglet.data.errors import DataError
from seglet.data.loading.loaders import evaluation_samples, labelled_loader, tagged_loader
from seglet.data.loading.step_sampler import StepSampler
from seglet.data.loading.wrapped_datasets import CachedDataset
from seglet.data.world.dataset import World

AUGMENT = Augmentation(crop=(8, 8))


@pytest.fixture(autouse=True)
def _few_cores():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create")
        warnings.filterwarnings("ignore", ".*multi-threaded, use of fork")
        yield


def toys(count=5):
    return Toys([sample(seed=i, columns={"grid": np.full((2, 2), i, np.float32)}) for i in range(count)])


def batches(dataset, workers=0, count=4, **sampler):
    loader = labelled_loader(dataset, AUGMENT, StepSampler(len(dataset), 3, **sampler), workers)
    return list(islice(loader, count))


def tagged(dataset, workers=0, count=2, **sampler):
    loader = tagged_loader(dataset, AUGMENT, StepSampler(len(dataset), 3, **sampler), workers)
    return list(islice(loader, count))


class Dying(Toys):
    def read(self, index):
        os._exit(3)


def test_batches_hold_images_targets_crops_and_columns():
    batch = batches(toys())[0]
    assert batch.images.shape == (3, 3, 8, 8)
    assert batch.target.labels.dtype == torch.int64
    assert (batch.target.weight == 1).all()
    assert batch.crop.box.shape == (3, 4)
    assert [f"toy{int(grid[0, 0])}" for grid in batch.columns["grid"]] == list(batch.ids)


def test_workers_change_nothing():
    for alone, helped in zip(batches(toys()), batches(toys(), workers=2), strict=True):
        assert alone.ids == helped.ids
        assert torch.equal(alone.images, helped.images)


def test_resumed_loader_gives_the_same_views():
    whole, rest = batches(toys()), batches(toys(), count=2, start_step=2)
    assert all(torch.equal(a.images, b.images) for a, b in zip(whole[2:], rest, strict=True))


def test_a_sample_has_another_view_in_the_next_epoch():
    first, second = batches(Toys([sample()]), count=2)
    assert first.ids == second.ids
    assert not torch.equal(first.images, second.images)


def test_loading_leaves_global_generators_alone():
    before = torch.get_rng_state(), np.random.get_state()[1]
    batches(toys(), workers=1)
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()


@pytest.mark.parametrize("workers", [0, 1])
def test_label_that_is_no_class_names_sample_and_value(workers):
    bad = Sample("bad", random_image(8, 8), np.full((8, 8), 37, np.uint8))
    with pytest.raises(DataError, match=r"sample 'bad' holds label 37, but classes are 0 to 2"):
        batches(Toys([bad]), workers)


def test_sample_without_mask_is_refused_by_name():
    with pytest.raises(DataError, match="'bare' has no mask"):
        batches(Toys([Sample("bare", random_image(8, 8), None)]))


def test_dead_worker_names_the_likely_cause():
    with pytest.raises(DataError, match=r"a loading worker died.*memory"):
        batches(Dying([sample()]), workers=1)


def test_sampler_of_another_data_set_is_refused():
    with pytest.raises(ValueError, match="counts 4 samples but the data set has 5"):
        labelled_loader(toys(), AUGMENT, StepSampler(4, 2))


@pytest.mark.parametrize("workers", [0, 3])
def test_ranks_share_every_sample_exactly_once(workers):
    shares = [[s.id for s in evaluation_samples(toys(7), rank, 3, workers)] for rank in range(3)]
    assert shares == [["toy0", "toy3", "toy6"], ["toy1", "toy4"], ["toy2", "toy5"]]


def test_more_ranks_than_samples_leave_some_with_none():
    assert list(evaluation_samples(toys(1), 1, 2)) == []


def test_cache_reads_once_what_fits_and_the_rest_each_time():
    source = toys(2)
    cached = CachedDataset(source, limit_bytes=20 * 30 * 4 + 16)
    for _ in range(3):
        assert [cached.read(i).id for i in range(2)] == ["toy0", "toy1"]
    assert source.reads == [1, 3]


def test_tagged_steps_hold_a_row_for_each_image():
    samples = [Sample("a", random_image(8, 8), None, (1, 2)), Sample("b", random_image(8, 8), None, ())]
    batch = tagged(Toys(samples), count=1)[0]
    rows = {"a": [0, 1, 1], "b": [0, 0, 0]}
    assert batch.tags.tolist() == [rows[name] for name in batch.ids]
    assert batch.tags.dtype == torch.float32
    assert batch.crop.flipped.shape == (3,)


def test_tagged_views_are_those_with_masks():
    world = World(scenes=5, size=16)
    for bare, masked in zip(tagged(world), batches(world, count=2), strict=True):
        assert bare.ids == masked.ids
        assert torch.equal(bare.images, masked.images)
        assert torch.equal(bare.crop.box, masked.crop.box)


def test_tagged_steps_do_not_depend_on_workers_or_where_they_resume():
    world = World(scenes=5, size=16)
    first = tagged(world)[1]
    for again in (tagged(world, workers=2)[1], tagged(world, start_step=1)[0]):
        assert torch.equal(first.images, again.images)
        assert torch.equal(first.tags, again.tags)


def test_the_world_never_tags_its_background():
    world = World(scenes=6, size=32)
    batch = tagged(world)[0]
    assert (world.classes.background, batch.tags[:, 0].sum()) == (0, 0)
    for name, row in zip(batch.ids, batch.tags, strict=True):
        assert tuple(row.nonzero().flatten().tolist()) == world.read(list(world.ids).index(name)).tags


@pytest.mark.parametrize(("tags", "said"), [(None, "'bare' has no tags"), ((3,), "classes are 0 to 2")])
def test_sample_that_cannot_be_learnt_from_by_tags_is_refused_by_name(tags, said):
    with pytest.raises(DataError, match=said):
        tagged(Toys([Sample("bare", random_image(8, 8), None, tags)]))
