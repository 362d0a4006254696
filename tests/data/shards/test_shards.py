"""Data sets in shards: the samples of their folder, and clear errors for what is damaged."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pyarrow, of the extra `shards`, is not installed")

from data.shards.sets import SHARD, folder, foreign_sample, foreign_tar, packed
from seglet.data.errors import DataError
from seglet.data.folder_dataset import describe_data, open_folder
from seglet.data.opening import open_dataset
from seglet.data.shards.file_rows import save_file_rows
from seglet.data.shards.index import index_tars, split_of_tar
from seglet.data.shards.manifest import MANIFEST_FILE, find_manifest, load_manifest
from seglet.data.shards.rows import ImageRow, RowTable, StoredPart, encode_rows
from seglet.data.shards.verify import check_manifest
from seglet.data.shards.write_tars import PackingOptions, write_tars
from seglet.locks import FolderInUseError


def manifest_of(shards: Path):
    places = find_manifest(shards)
    assert places is not None
    return load_manifest(*places)


def test_shards_hold_the_samples_of_their_folder(tmp_path: Path) -> None:
    shards = open_dataset(packed(tmp_path / "a"), "train")
    plain = open_folder(str(tmp_path / "a"), "train")
    assert shards.groups == (2, 2, 2)
    assert sorted(shards.ids) == sorted(plain.ids)
    for index, name in enumerate(shards.ids):
        there = plain.ids.index(name)
        assert np.array_equal(shards[index].image, plain[there].image)
        assert np.array_equal(shards[index].labels, plain[there].labels)
        assert shards.identity(index, ("image", "labels")) == plain.identity(there, ("image", "labels"))


def test_files_of_a_manifest_are_those_of_the_folder(tmp_path: Path) -> None:
    root = folder(tmp_path / "a")
    plain = open_folder(str(root), "train")
    save_file_rows(describe_data(root), root)
    listed = open_dataset(root, "train")
    assert type(listed).__name__ == "ShardedDataset"
    assert list(listed.ids) == list(plain.ids)
    assert all(np.array_equal(one.image, other.image) for one, other in zip(listed, plain, strict=True))
    assert describe_data(root).splits["train"] == plain.items


def test_a_shard_that_is_there_is_not_packed_again(tmp_path: Path) -> None:
    shards = packed(tmp_path / "a")
    before = {path.name: path.stat().st_mtime_ns for path in shards.iterdir()}
    (gone, *kept) = sorted(shards.glob("*.tar"))
    gone.unlink()
    packed(tmp_path / "a")
    after = {path.name: path.stat().st_mtime_ns for path in shards.iterdir()}
    assert after.keys() == before.keys()
    assert all(after[tar.name] == before[tar.name] for tar in kept)


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    description, out = describe_data(folder(tmp_path / "a")), tmp_path / "out"
    hold = "import sys, pathlib; from seglet.locks import lock_folder\nwith lock_folder(pathlib.Path(sys.argv[1])):"
    words = [sys.executable, "-c", f"{hold} print('held', flush=True); input()", str(out)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(FolderInUseError, match="is in use by process"):
            write_tars(description, out, PackingOptions(SHARD))
        other.communicate("")
    assert not out.exists()


@pytest.mark.parametrize(("cut", "message"), [(600, "cut short"), (0, "is not what the manifest says")])
def test_a_damaged_tar_is_refused_and_found(tmp_path: Path, cut: int, message: str) -> None:
    shards = packed(tmp_path / "a", images=2)
    (tar,) = shards.glob("*.tar")
    content = bytearray(tar.read_bytes())
    content[700] ^= 1
    tar.write_bytes(content[: len(content) - cut])
    with pytest.raises(DataError, match=message):
        list(open_dataset(shards, "train"))
    (problem,) = check_manifest(manifest_of(shards)).errors
    assert message in problem.what


def test_rows_of_another_manifest_or_version_are_refused(tmp_path: Path) -> None:
    shards = packed(tmp_path / "a", images=2)
    (file,) = shards.glob("*.parquet")
    other = ImageRow("x", StoredPart("x.png", 0, 1, "0" * 32))
    file.write_bytes(encode_rows([other]))
    with pytest.raises(DataError, match="its hash differs"):
        open_dataset(shards, "train")[0]
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(file).replace_schema_metadata({b"seglet_rows": b"9"})
    pyarrow.parquet.write_table(table, file)
    with pytest.raises(DataError, match="rows of version 1 were expected, it has version 9"):
        open_dataset(shards, "train")[0]


def test_rows_come_back_as_they_were_written() -> None:
    part = StoredPart("a.png", 512, 7, "0f" * 16)
    rows = [ImageRow("é", part), ImageRow("b", part, replace(part, name="m"), (1, 2), "a cat", (3, 4), (0,), 0.5)]
    assert list(RowTable(encode_rows(rows), "x").rows()) == rows


def test_a_manifest_that_was_changed_is_refused(tmp_path: Path) -> None:
    file = packed(tmp_path / "a", images=2) / MANIFEST_FILE
    file.write_text(file.read_text().replace('"images": 2', '"images": 3'))
    with pytest.raises(DataError, match="its hash differs"):
        open_dataset(file.parent, "train")


def test_tars_of_others_are_read_in_place(tmp_path: Path) -> None:
    foreign_tar(tmp_path / "set-train-000.tar", {"a/1": foreign_sample(), "a/2": {"jpg": foreign_sample(9)["jpg"]}})
    foreign_tar(tmp_path / "set-val-000.tar", {"3": {**foreign_sample(5), "cls": b"1"}})
    (tmp_path / "classes.txt").write_text("0 background\n1 cat\n")
    assert index_tars(tmp_path).problems == ()
    train, val = open_dataset(tmp_path, "train"), open_dataset(tmp_path, "val")
    first, second = train
    assert (first.id, first.tags, first.texts["captions"]) == ("a/1", (1,), ("a cat",))
    assert np.array_equal(np.unique(first.labels), [0, 1])
    assert (second.labels, second.tags, val[0].tags) == (None, None, (1,))


def test_tars_that_did_not_change_are_not_indexed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign_tar(tmp_path / "train-0.tar", {"1": {"jpg": foreign_sample()["jpg"]}})
    first = index_tars(tmp_path).manifest
    monkeypatch.setattr("seglet.data.shards.index._Indexer._rows", None)
    assert index_tars(tmp_path).manifest.shards == first.shards


@pytest.mark.parametrize("kept", [100, 512, 600])
def test_a_foreign_tar_cut_anywhere_is_an_error(tmp_path: Path, kept: int) -> None:
    tar = foreign_tar(tmp_path / "train-0.tar", {name: {"jpg": foreign_sample()["jpg"]} for name in "12"})
    second = next(place for place in range(0, 10_000, 512) if tar.read_bytes()[place:].startswith(b"2.jpg"))
    tar.write_bytes(tar.read_bytes()[: second + kept])
    report = index_tars(tmp_path)
    assert (report.file, "cut short" in report.errors[0].what) == (None, True)
    tar.write_bytes(tar.read_bytes()[:second])  # between two members
    assert "cut short" in index_tars(tmp_path).errors[0].what


def test_the_split_is_named_by_the_tar() -> None:
    names = ("train-00001.tar", "coco_val-3.tar", "validation.tar", "00004.tar")
    assert [split_of_tar(name) for name in names] == ["train", "val", "val", "all"]
