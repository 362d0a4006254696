"""Loading workers where shared memory is small, as in containers."""

import warnings
from itertools import islice

import pytest
import torch
from tests.data.toys import Toys, sample

from seglet.data.augment.geometry import Augmentation
from seglet.data.loading import loaders, shared_memory
from seglet.data.loading.loaders import labelled_loader
from seglet.data.loading.shared_memory import batch_bytes, fitting_workers
from seglet.data.loading.step_sampler import StepSampler

MIB = 2**20


def one_mib():
    return {"images": torch.zeros(MIB // 4), "ids": ("a", "b"), "more": [torch.zeros(0)]}


def loader(workers):
    data = Toys([sample(seed=i) for i in range(5)])
    return labelled_loader(data, Augmentation(crop=(8, 8)), StepSampler(5, 3), workers)


@pytest.fixture
def free(monkeypatch):
    """Sets the free bytes of shared memory."""
    return lambda size: monkeypatch.setattr(shared_memory, "free_shared_memory", lambda: size)


def test_the_bytes_of_a_batch_are_those_of_all_its_tensors():
    batch = next(iter(loader(0)))
    # 3 views of 8 x 8: images 3 x float32, labels int64, weights float32; boxes 4 x float32 and flips of one byte
    assert batch_bytes(batch) == 3 * (64 * (12 + 8 + 4) + 16 + 1)
    assert batch_bytes(one_mib()) == MIB


@pytest.mark.parametrize(("mib", "workers"), [(20, 8), (18, 8), (17, 7), (7, 2), (4, 1), (3, 0), (0, 0)])
def test_as_many_workers_are_used_as_have_room(free, mib, workers):
    free(mib * MIB / 0.9 + 1)  # 2 batches for each worker and 2 in use, of 1 MiB, in nine tenths
    found, warning = fitting_workers(8, one_mib)
    assert (found, bool(warning)) == (workers, workers < 8)


@pytest.mark.parametrize(("limit", "workers"), [(None, 8), (1024, 8), (84, 8), (68, 4), (52, 0), (8, 0)])
def test_as_many_workers_are_used_as_may_open_files(limit, workers, free, monkeypatch):
    free(None)
    monkeypatch.setattr(shared_memory, "open_file_limit", lambda: limit)
    monkeypatch.setattr(shared_memory, "open_files", lambda: 20)  # with 16 others and 8 for each of 2 tensors: 52
    found, warning = fitting_workers(8, one_mib)
    assert (found, bool(warning)) == (workers, workers < 8)
    assert not warning or f"{limit} files may be open (ulimit -n), and 8 loading workers need 84" in warning


def test_the_warning_has_numbers_and_cures(free):
    free(10 * MIB)
    told = fitting_workers(8, one_mib)[1]
    assert "/dev/shm has 10 MiB free, and 8 loading workers need 18 MiB: 3 are used" in told
    assert "--shm-size=1g" in told
    assert "--workers 3" in told


@pytest.mark.parametrize(("size", "workers"), [(None, 4), (2**40, 4), (0, 0)])
def test_no_batch_is_made_where_there_is_no_need_to_measure(free, size, workers):
    free(size)
    assert fitting_workers(workers, lambda: pytest.fail("measured")) == (workers, "")


def test_without_room_the_process_loads_the_same_batches_itself(free):
    free(0)
    with pytest.warns(UserWarning, match="0 are used"):
        alone = loader(2)
    assert alone.num_workers == 0
    assert next(iter(alone)).ids == next(iter(loader(0))).ids


def full(batch):
    if batch.ids == FULL_AT:
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")


FULL_AT = tuple(list(islice(loader(0), 3))[2].ids)


def same(first, second):
    return all(a.ids == b.ids and torch.equal(a.images, b.images) for a, b in zip(first, second, strict=True))


def test_when_shared_memory_fills_up_later_the_process_goes_on_with_the_same_batches(monkeypatch):
    monkeypatch.setattr(loaders, "share_batch", full)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = list(islice(loader(2), 6))
    assert same(found, islice(loader(0), 6))
    assert ["cannot deliver" in str(each.message) for each in told].count(True) == 1


class Hanging(Toys):
    def read(self, index):
        if torch.utils.data.get_worker_info() is not None:
            torch.multiprocessing.get_context().Event().wait(0.8)
        return super().read(index)


def test_workers_that_never_deliver_are_not_waited_for(monkeypatch):
    monkeypatch.setattr(loaders, "_LONGEST_WAIT", 0.2)
    data = Hanging([sample(seed=0)])
    with pytest.warns(UserWarning, match=r"timed out after 0.2 seconds.*--workers 0"):
        batch = next(iter(labelled_loader(data, Augmentation(crop=(8, 8)), StepSampler(1, 1), 1)))
    assert batch.ids == ("toy0",)
