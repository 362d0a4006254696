import errno
import os

import pytest
import torch

from seglet import files


def write_half(path):
    with files.replace_atomically(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("died")


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    with pytest.raises(RuntimeError, match="died"):
        write_half(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_survives_a_failed_write(tmp_path):
    files.write_text(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError, match="died"):
        write_half(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for name in ("old", "new"):
        with files.replace_atomically(tmp_path / "model") as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_an_interruption_left_is_found_and_deleted(tmp_path):
    (tmp_path / f"{files.TEMPORARY}1234-model").mkdir()
    (tmp_path / "model").mkdir()
    files.delete_partial(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_broken_json_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match=r"a\.json is not valid JSON"):
        files.read_json(tmp_path / "a.json")


def test_sha256_of_abc(tmp_path):
    (tmp_path / "abc").write_text("abc")
    assert files.file_sha256(tmp_path / "abc").startswith("ba7816bf8f01cfea")


def test_a_disk_that_fills_up_when_data_reach_it_leaves_the_old_file(tmp_path, monkeypatch):
    files.write_text(tmp_path / "a.txt", "old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"No space left.*a\.txt"):  # the system names no file
        files.write_text(tmp_path / "a.txt", "new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_tensors_that_cannot_be_written_are_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        files.write_tensors(tmp_path / "nowhere" / "a.safetensors", {"a": torch.zeros(2)})


@pytest.mark.parametrize("name", ["a-aside-b.png", "aside-b.png"])
def test_half_a_file_whose_name_speaks_of_asides_is_not_taken_for_a_whole_one(name, tmp_path):
    half = f"{files.TEMPORARY}01234567-{name}"
    (tmp_path / half).write_bytes(b"half")
    files.delete_partial(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_moved_aside_returns_if_its_successor_is_missing(tmp_path):
    (tmp_path / f"{files.TEMPORARY}{files._ASIDE}1234-model").mkdir()
    (tmp_path / f"{files.TEMPORARY}5678-model").mkdir()
    files.delete_partial(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_json_keeps_names_that_are_no_utf8(tmp_path):
    value = {"name": "stra\udcdfe", "ü": 1}
    files.write_json(tmp_path / "a.json", value)
    assert files.read_json(tmp_path / "a.json") == value
    files.write_json(tmp_path / "b.json", {"ü": 1})
    assert "ü" in (tmp_path / "b.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["x" * 251 + ".png", "ä" * 125 + ".npz", "x" * 255, "a." + "b" * 250])
def test_a_name_as_long_as_file_systems_allow_is_written(tmp_path, name):
    with files.replace_atomically(tmp_path / name) as temporary:
        temporary.write_text("whole")
        assert temporary.suffix in (tmp_path / name).suffix
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_text_with_a_name_that_is_no_utf8_names_it(tmp_path):
    with pytest.raises(
        files.DataError, match=r"list\.txt': it would hold a name .*stra\\udcdfe\.png.*rename that file"
    ):
        files.write_text(tmp_path / "list.txt", "stra\udcdfe.png\n")
    assert list(tmp_path.iterdir()) == []


def test_the_hash_of_a_large_file_is_computed_once_until_it_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLET_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "weights"
    file.write_bytes(b"a" * 2**20)
    first = files.remembered_sha256(file)
    assert first == files.file_sha256(file)
    monkeypatch.setattr(files, "file_sha256", lambda path: "computed again")
    assert files.remembered_sha256(file) == first
    file.write_bytes(b"b" * 2**20 + b"c")
    assert files.remembered_sha256(file) == "computed again"


def test_a_hash_needs_no_cache_that_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("no folder")
    monkeypatch.setenv("SEGLET_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "weights"
    file.write_bytes(b"a" * 2**20)
    assert files.remembered_sha256(file) == files.file_sha256(file)


def test_a_pipe_is_no_json(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(ValueError, match="not a regular file"):
        files.read_json(tmp_path / "a.json")
