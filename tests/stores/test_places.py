"""Places without a server: kept blocks and their bound, `memory://` and `file://`, and the words of commands."""

import os
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="fsspec, of the extra `cloud`, is not installed")

from data.disk import pairs
from seglet.cli.urls import local_words
from seglet.data.errors import DataError
from seglet.data.opening import open_dataset
from seglet.stores import is_url
from seglet.stores.block_cache import BlockCache
from seglet.stores.mirror import local_folder, publish
from seglet.stores.remote_place import RemotePlace


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGLET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_blocks_used_longest_ago_leave_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGLET_CACHE_SIZE", "3KB")
    cache = BlockCache()
    for number in range(4):
        cache.keep(str(number), bytes(1000))
        os.utime(cache._file(str(number)), (number, number))
    assert cache.find("0", 1000) is not None  # its use makes it the newest
    cache.shrink()
    assert [cache.find(str(number), 1000) is not None for number in range(4)] == [True, False, False, True]


def test_a_kept_block_of_another_length_is_read_anew() -> None:
    BlockCache().keep("a", b"1234")
    assert BlockCache().find("a", 5) is None


@pytest.mark.parametrize("protocol", ["memory", "file"])
def test_a_folder_by_url_is_read_as_one_on_disk(tmp_path: Path, protocol: str) -> None:
    url = f"{protocol}://{tmp_path}/there"
    publish(pairs(tmp_path / "a", "train"), RemotePlace(url))
    assert open_dataset(url, "train").ids == open_dataset(tmp_path / "a", "train").ids
    assert sorted(path.name for path in local_folder(url).iterdir() if path.name[0] != ".") == ["images", "masks"]


def test_outputs_of_a_command_are_published_and_inputs_copied(tmp_path: Path) -> None:
    there = tmp_path / "there"
    pairs(there / "set")
    words = ["model", f"file://{there}/set", "--out", f"file://{there}/out", "--data", f"file://{there}/set"]
    with local_words("predict", words) as local:
        assert [is_url(word) for word in local] == [False, False, False, False, False, True]
        Path(local[3]).mkdir()
        (Path(local[3]) / "a.txt").write_text("x")
    assert (there / "out" / "a.txt").read_text() == "x"


def test_an_unknown_size_of_the_cache_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGLET_CACHE_SIZE", "much")
    with pytest.raises(DataError, match="give bytes such as 50GB"):
        BlockCache().keep("a", b"1")
