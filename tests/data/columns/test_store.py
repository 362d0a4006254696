import errno
import os
import random
import time

import numpy as np
import pytest
from tests.data.columns.producers import Caption, CopyProducer

from seglet.data.columns import shards
from seglet.data.columns.kinds import checked_value
from seglet.data.columns.recipe import column_recipes
from seglet.data.columns.store import _ABANDONED_AFTER, ColumnStore, stored_columns
from seglet.data.errors import DataError

VALUES = {f"{i:032x}": np.arange(6, dtype=np.float16).reshape(2, 3) + i for i in range(3)}


@pytest.fixture
def store(tmp_path):
    made = ColumnStore(tmp_path / "columns", column_recipes([CopyProducer(kind="vector")])["source"])
    made.begin()
    return made


def read_all(store):
    return {address: store.read(place, address) for address, place in store.contents().locations.items()}


def test_values_are_read_as_they_were_written(store):
    store.write(VALUES)
    found = read_all(store)
    assert found.keys() == VALUES.keys()
    assert all(np.array_equal(found[a], VALUES[a]) and found[a].dtype == np.float16 for a in VALUES)


@pytest.mark.parametrize("array", [np.ones((), np.int64), np.zeros((0, 4), np.float32), np.eye(3, dtype=np.bool_)])
def test_arrays_of_any_shape_come_back(store, array):
    store.write({"a": array})
    assert np.array_equal(read_all(store)["a"], array)


def test_texts_come_back(tmp_path):
    store = ColumnStore(tmp_path, column_recipes([Caption()])["caption"])
    store.write({"a": ('<b>"', "Ünï\ncode"), "b": ()})
    assert read_all(store) == {"a": ('<b>"', "Ünï\ncode"), "b": ()}


def test_shards_add_up(store):
    for address, value in VALUES.items():
        store.write({address: value})
    assert len(store.shards()) == 3
    assert read_all(store).keys() == VALUES.keys()


def test_a_shard_is_a_plain_safetensors_file(store):
    from safetensors.numpy import load_file

    store.write(VALUES)
    assert load_file(store.shards()[0]).keys() == VALUES.keys()


def test_no_flipped_bit_is_ever_read(store):
    store.write(VALUES)
    (path,) = store.shards()
    content, draws = path.read_bytes(), random.Random(0)
    for _ in range(400):
        place = draws.randrange(len(content))
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << draws.randrange(8)]) + content[place + 1 :])
        try:
            found = read_all(store)
        except DataError:
            continue
        assert all(np.array_equal(value, VALUES[address]) for address, value in found.items())


@pytest.mark.parametrize("share", np.linspace(0, 0.99, 12))
def test_a_torn_shard_is_reported_and_made_again(store, share):
    store.write(VALUES)
    (path,) = store.shards()
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    contents = store.contents()
    assert not contents.locations
    assert "seglet prepare" in contents.damaged[0]
    assert store.begin() == [path.name]
    assert store.shards() == []


def test_a_shard_cut_while_it_is_used_is_reported(store):
    store.write(VALUES)
    contents = store.contents()
    (path,) = store.shards()
    path.write_bytes(path.read_bytes()[:-3])
    address = max(contents.locations, key=lambda a: contents.locations[a].begin)
    with pytest.raises(DataError, match="damaged: it does not match its checksum; run `seglet prepare`"):
        store.read(contents.locations[address], address)


def test_a_changed_value_is_found_before_anything_is_computed(store):
    store.write(VALUES)
    (path,) = store.shards()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert len(store.contents().locations) == 3  # headers do not tell
    assert store.begin() == [path.name]


def test_a_shard_of_another_column_is_refused(store, tmp_path):
    other = ColumnStore(tmp_path, column_recipes([CopyProducer(kind="vector", gain=2.0)])["source"])
    other.write(VALUES)
    (path,) = other.shards()
    (store.folder / path.name).write_bytes(path.read_bytes())
    assert "belongs to column" in store.contents().damaged[0]


def test_what_is_half_written_is_not_read_and_goes_when_it_is_old(store):
    old, young = (store.folder / f".partial-{name}-{'0' * 32}.safetensors" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * _ABANDONED_AFTER,) * 2)
    store.begin()
    assert not store.contents().locations
    assert not old.exists()
    assert young.exists()  # another process may be writing it


def test_a_full_disk_leaves_what_was_there(store, monkeypatch):
    store.write(dict(list(VALUES.items())[:1]))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("seglet.files.sync_to_disk", full)
        with pytest.raises(DataError, match=r"No space left on device.*free space"):
            store.write(VALUES)
    assert len(read_all(store)) == 1
    assert len(list(store.folder.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot write columns.*key `columns`"):
        ColumnStore(tmp_path / "file", column_recipes([CopyProducer()])["source"]).begin()


def test_what_is_complete_is_not_written_to(store, monkeypatch):
    store.write(VALUES)
    monkeypatch.setattr("seglet.data.columns.store.write_json", lambda *_: pytest.fail("written"))
    assert store.begin() == []


def test_columns_are_found_by_their_recipes(store):
    (store.root / "other-0123").mkdir()
    (store.root / "other-0123/column.json").write_text("{")
    assert [found.recipe for found in stored_columns(store.root)] == [store.recipe]


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("a photo", "text", "wrap a single string"),
        (np.array([1.0, np.nan]), "vector", "1 of 2 numbers"),
        (np.ones(3), "image", r"shape \(3,\) is no image"),
        (np.ones((0, 3, 3)), "image", "is no image"),
        (np.array(["a"]), "vector", "cannot be stored"),
        (np.array([object()]), "vector", "cannot be stored"),
        ([1, 2], "vector", "expected a numpy array"),
    ],
)
def test_values_that_are_not_of_their_kind_are_refused(value, kind, message):
    with pytest.raises(ValueError, match=message):
        checked_value(value, kind)


def test_a_header_that_claims_too_much_is_refused(tmp_path):
    path = tmp_path / f"{'0' * 32}.safetensors"
    path.write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(DataError, match="header is too long"):
        shards.shard_locations(path, "key")
