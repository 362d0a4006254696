from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.data.columns.producers import Caption, CopyProducer, Letters
from tests.data.toys import Toys, sample

from seglet.data.augment.geometry import Augmentation
from seglet.data.columns.columned_dataset import ColumnedDataset, value_address
from seglet.data.columns.kinds import checked_value
from seglet.data.columns.recipe import column_recipes
from seglet.data.columns.store import ColumnStore
from seglet.data.errors import DataError
from seglet.data.folder_dataset import FolderDataset, describe_data
from seglet.data.loading.loaders import labelled_loader
from seglet.data.loading.step_sampler import StepSampler
from seglet.data.loading.wrapped_datasets import CachedDataset
from seglet.data.world.dataset import World
from seglet.types import Labelled


def fill(data, root, *producers, only=None):
    """The data set with its columns, computed here and now."""
    stores = []
    for producer, recipe in zip(producers, column_recipes(producers).values(), strict=True):
        store = ColumnStore(root, recipe)
        complete = ColumnedDataset(data, [s for s in stores if s.recipe.name in producer.sources])
        compute = producer.load(torch.device("cpu"))
        chosen = range(len(data)) if only is None else only
        store.write(
            {
                value_address(data, i, store): checked_value(compute([complete.read(i)])[0], producer.kind)
                for i in chosen
            }
        )
        stores.append(store)
    return ColumnedDataset(data, stores)


def toys(count=4):
    return Toys([sample(seed=i) for i in range(count)])


def first_batch(data, workers=0):
    sampler = StepSampler(size=len(data), batch=4)
    return next(iter(labelled_loader(data, Augmentation(crop=(16, 16)), sampler, workers)))


def test_samples_come_with_their_columns(tmp_path):
    data = fill(toys(), tmp_path, CopyProducer(kind="grid"), Caption())
    read = data.read(2)
    assert np.array_equal(read.columns["source"], read.image)
    assert read.texts["caption"] == ("a photo", "a photo of toy2")
    assert read.kinds == {"source": "grid"}


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_hold_them_in_the_order_of_their_images(tmp_path, workers):
    batch = first_batch(fill(toys(), tmp_path, CopyProducer(), Caption(), Letters()), workers)
    assert torch.equal(batch.columns["source"], batch.images)
    assert [texts[1] for texts in batch.texts["caption"]] == [f"a photo of {name}" for name in batch.ids]
    assert batch.columns["letters"].shape == (4, len("a photo of toy0"), 1)


def test_sequences_are_padded_and_counted(tmp_path):
    data = Toys([replace(sample(), id=name) for name in ("a", "bcd", "ef", "g")])
    batch = first_batch(fill(data, tmp_path, Caption(), Letters()))
    assert batch.columns["letters.length"].tolist() == [len("a photo of ") + len(name) for name in batch.ids]
    place = batch.ids.index("a")
    assert (batch.columns["letters"][place, len("a photo of a") :] == 0).all()


def test_steps_move_with_their_columns(tmp_path):
    batch = first_batch(fill(toys(), tmp_path, CopyProducer(), Caption())).to("meta")
    assert batch.columns["source"].is_meta
    assert len(batch.texts["caption"]) == 4


def test_without_columns_a_step_carries_nothing():
    batch = first_batch(toys())
    assert isinstance(batch, Labelled)
    assert (batch.columns, batch.texts) == ({}, {})


def test_missing_values_are_counted_and_reported_when_read(tmp_path):
    data = fill(toys(), tmp_path, CopyProducer(), only=[0, 2])
    assert data.missing() == {"source": 2}
    with pytest.raises(DataError, match="'toy1' has no column 'source'; run `seglet prepare`"):
        data.read(1)


def test_other_values_change_the_fingerprint(tmp_path):
    plain, half = toys(), fill(toys(), tmp_path / "a", CopyProducer(), only=[0])
    first, again = (fill(toys(), tmp_path / name, CopyProducer()) for name in "bc")
    other = fill(toys(), tmp_path / "d", CopyProducer(gain=0.5))
    assert first.fingerprint == again.fingerprint
    assert len({data.fingerprint for data in (plain, half, first, other)}) == 4


def test_worlds_share_the_columns_of_their_scenes(tmp_path):
    few = fill(World(scenes=3, size=16), tmp_path, CopyProducer())
    more = ColumnedDataset(World(scenes=5, size=16), few.stores)
    assert more.missing() == {"source": 2}
    assert ColumnedDataset(World(scenes=3, size=32), few.stores).missing() == {"source": 3}
    assert ColumnedDataset(World("val", scenes=3, size=16), few.stores).missing() == {"source": 3}


def test_a_changed_image_is_the_only_one_that_lacks_its_column(tmp_path, images):
    before = fill(folder(images), tmp_path, CopyProducer())
    assert before.missing() == {}
    path = sorted((images / "images").iterdir())[0]
    path.write_bytes(sorted((images / "images").iterdir())[1].read_bytes() + b"?")
    assert ColumnedDataset(folder(images), before.stores).missing() == {"source": 1}
    assert ColumnedDataset(CachedDataset(folder(images, resize=0.5), 0), before.stores).missing() == {"source": 3}


def test_a_new_mask_spoils_only_what_was_made_from_masks(tmp_path, images):
    data = folder(images)
    items = (replace(data.items[0], mask_hash="other"), *data.items[1:])
    changed = FolderDataset(data.description, items)
    assert changed.identity(0) == data.identity(0)
    assert changed.identity(0, ("image", "labels")) != data.identity(0, ("image", "labels"))
    assert changed.identity(1, ("image", "labels")) == data.identity(1, ("image", "labels"))


def folder(root, resize=1.0):
    description = describe_data(root)
    (items,) = description.splits.values()
    return FolderDataset(description, items, resize)


@pytest.fixture
def images(tmp_path):
    from PIL import Image

    root = tmp_path / "images"
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for index in range(3):
        Image.fromarray(sample(seed=index).image).save(root / "images" / f"{index}.png")
        Image.fromarray(sample(seed=index).labels).save(root / "masks" / f"{index}.png")
    (root / "classes.txt").write_text("0 ground\n1 thing\n2 other\n")
    return root
