import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.data.columns.producers import Caption, CopyProducer, Letters
from tests.data.toys import Toys, sample

from seglet.data.columns.columned_dataset import ColumnedDataset
from seglet.data.columns.recipe import column_recipes
from seglet.data.columns.store import ColumnStore
from seglet.data.errors import DataError
from seglet.engine import prepare as preparing
from seglet.engine.columns import OfflineColumn
from seglet.engine.prepare import PrepareOptions, format_bytes, prepare_columns

CPU = PrepareOptions(torch.device("cpu"))


def toys(count=6):
    return Toys([sample(seed=i) for i in range(count)])


def columns(root, *producers):
    return [
        OfflineColumn(p, ColumnStore(root, r), True)
        for p, r in zip(producers, column_recipes(producers).values(), strict=True)
    ]


def run(data, root, *producers, work=CPU):
    notes = []
    made = columns(root, *producers)
    outcomes = prepare_columns(data, made, work, notes.append)
    return ColumnedDataset(data, [column.store for column in made]), outcomes, notes


class Faulty(CopyProducer):
    """A producer on which some images are lost."""

    def compute(self, samples):
        if any(s.id in ("toy1", "toy4") for s in samples):
            raise RuntimeError("out of memory")
        return super().compute(samples)


def test_every_image_gets_its_value(tmp_path):
    data, (outcome,), _ = run(toys(), tmp_path, CopyProducer())
    assert data.missing() == {}
    assert (outcome.made, outcome.failed) == (6, {})
    assert np.array_equal(data.read(3).columns["source"], data.read(3).image)


def test_nothing_is_made_twice(tmp_path):
    run(toys(4), tmp_path, CopyProducer())
    again = CopyProducer()
    _, (outcome,), _ = run(toys(6), tmp_path, again)
    assert again.received == ["toy4", "toy5"]
    assert outcome.made == 2


def test_what_is_complete_loads_nothing(tmp_path, monkeypatch):
    run(toys(), tmp_path, CopyProducer())
    monkeypatch.setattr(CopyProducer, "load", lambda *_: pytest.fail("loaded"))
    _, _, notes = run(toys(), tmp_path, CopyProducer())
    assert "all 6 images are there" in notes[0]


def test_images_that_are_alike_share_a_value(tmp_path):
    data = toys()
    data.identity = lambda index, reads=("image",): str(index % 2)
    producer = CopyProducer()
    full, _, _ = run(data, tmp_path, producer)
    assert producer.received == ["toy0", "toy1"]
    assert full.missing() == {}


def test_a_column_is_made_from_a_column(tmp_path):
    data, outcomes, _ = run(toys(), tmp_path, Caption(), Letters())
    assert [one.made for one in outcomes] == [6, 6]
    assert data.read(5).columns["letters"].tobytes().decode("latin-1").count("\0") > 0
    assert len(data.read(5).columns["letters"]) == len("a photo of toy5")


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_images_that_fail_are_named_and_the_rest_is_kept(tmp_path, batch):
    data, (outcome,), _ = run(toys(), tmp_path, Faulty(), work=PrepareOptions(CPU.device, batch))
    assert outcome.failed == {"toy1": "out of memory", "toy4": "out of memory"}
    assert data.missing() == {"source": 2}


def test_an_unreadable_image_fails_alone(tmp_path):
    class Torn(Toys):
        def read(self, index):
            if index == 2:
                raise DataError("'toy2.png' is damaged; download it again")
            return super().read(index)

    data, (outcome,), _ = run(Torn(toys().samples), tmp_path, CopyProducer())
    assert outcome.failed == {"toy2": "'toy2.png' is damaged; download it again"}
    assert data.missing() == {"source": 1}


def test_what_a_failed_source_should_give_fails_too(tmp_path):
    class Silent(Caption):
        def load(self, device):
            return lambda samples: [("a photo",) if s.id != "toy3" else [None] for s in samples]

    _, (captions, letters), _ = run(toys(), tmp_path, Silent(), Letters())
    assert list(captions.failed) == list(letters.failed) == ["toy3"]
    assert "no column 'caption'" in letters.failed["toy3"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (lambda s: [np.zeros((2, 2)) for _ in s[1:]], "gave 0 values for 1 images"),
        (lambda s: [np.full((2, 2), np.nan) for _ in s], "4 of 4 numbers are NaN"),
        (lambda s: [np.zeros((2, 2 + int(one.id[-1]))) for one in s], "to be batched all must be alike"),
        (lambda s: [torch.zeros(2, 2) for _ in s], "expected a numpy array, got Tensor"),
    ],
)
def test_values_that_cannot_be_used_are_reported(tmp_path, monkeypatch, values, message):
    monkeypatch.setattr(CopyProducer, "load", lambda *_: values)
    _, (outcome,), _ = run(toys(2), tmp_path, CopyProducer(kind="grid"))
    assert message in outcome.failed["toy1"]


def test_where_everything_fails_it_ends_early(tmp_path, monkeypatch):
    monkeypatch.setattr(CopyProducer, "load", lambda *_: lambda samples: 1 / 0)
    data = toys(64)
    with pytest.raises(ValueError, match="the first 16 images all failed, 'toy15' with: division by zero"):
        run(data, tmp_path, CopyProducer())
    assert max(data.reads[40:]) == 0


def test_processes_share_the_images_and_complete_them_together(tmp_path):
    first, second = CopyProducer(), CopyProducer()
    run(toys(5), tmp_path, first, work=PrepareOptions(CPU.device, 2, rank=0, world=2))
    data, (outcome,), _ = run(toys(5), tmp_path, second, work=PrepareOptions(CPU.device, 2, rank=1, world=2))
    assert (first.received, second.received) == (["toy0", "toy2", "toy4"], ["toy1", "toy3"])
    assert outcome.images == 2
    assert data.missing() == {}


def test_an_estimate_comes_first(tmp_path):
    _, _, notes = run(toys(), tmp_path, CopyProducer())
    assert "6 of 6 images to make, about" in notes[0]
    assert "1.9 KiB each" in notes[0]  # 20 x 30 x 3 bytes, and 150 for the header


def test_a_dry_run_measures_and_writes_nothing(tmp_path):
    _, _, notes = run(
        toys(), tmp_path / "none", CopyProducer(), Caption(), Letters(), work=PrepareOptions(CPU.device, dry=True)
    )
    assert "6 of 6 images to make, about" in notes[0]
    assert "once 'caption' is there" in notes[2]
    assert not (tmp_path / "none").exists()


def test_a_disk_too_small_is_reported_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(DataError, match=r"needs about .* but 100 bytes are free"):
        run(toys(), tmp_path, CopyProducer())


def test_a_disk_that_fills_up_keeps_what_was_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "_SHARD_VALUES", 2)
    write, calls = ColumnStore.write, []

    def full(self, values):
        calls.append(values)
        if len(calls) == 2:
            raise DataError("cannot write (No space left on device); free space or choose another place")
        write(self, values)

    with monkeypatch.context() as patch:
        patch.setattr(ColumnStore, "write", full)
        with pytest.raises(DataError, match="No space left"):
            run(toys(), tmp_path, CopyProducer(), work=PrepareOptions(CPU.device, 2))
    again = CopyProducer()
    data, _, _ = run(toys(), tmp_path, again)
    assert again.received == ["toy2", "toy3", "toy4", "toy5"]
    assert data.missing() == {}


def test_an_interruption_keeps_what_was_computed(tmp_path, monkeypatch):
    def impatient(samples):
        if samples[0].id == "toy4":
            raise KeyboardInterrupt
        return [s.image for s in samples]

    with monkeypatch.context() as patch:
        patch.setattr(CopyProducer, "load", lambda *_: impatient)
        with pytest.raises(KeyboardInterrupt):
            run(toys(), tmp_path, CopyProducer(), work=PrepareOptions(CPU.device, 2))
    again = CopyProducer()
    run(toys(), tmp_path, again)
    assert again.received == ["toy4", "toy5"]


def test_a_damaged_shard_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "_SHARD_VALUES", 2)
    data, _, _ = run(toys(), tmp_path, CopyProducer(), work=PrepareOptions(CPU.device, 2))
    path = data.stores[0].shards()[0]
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    again = CopyProducer()
    data, _, notes = run(toys(), tmp_path, again)
    assert len(again.received) == 2
    assert "was damaged and is made again" in notes[0]
    assert data.missing() == {}


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 bytes"), (999, "999 bytes"), (2048, "2 KiB"), (3 * 2**29, "1.5 GiB")]
)
def test_sizes_in_words(size, words):
    assert format_bytes(size) == words
