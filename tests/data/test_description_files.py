"""Other programs' `dataset.json` stays, and every description is found where it was written."""

import os

import pytest

from seglet.data.checking.check import check_dataset
from seglet.data.description_files import (
    DESCRIPTION_FILE,
    delete_description,
    description_path,
    find_description,
    is_description,
)
from seglet.data.errors import DataError
from seglet.data.files import user_cache_folder_for
from seglet.data.folder_dataset import describe_data, save_description
from seglet.data.known_classes import find_classes
from seglet.files import user_cache_folder

from .disk import pairs, text

NNUNET = '{"channel_names": {"0": "CT"}, "labels": {"background": 0}, "numTraining": 2, "file_ending": ".png"}'
MONAI = '{"name": "spleen", "training": [{"image": "a.nii", "label": "b.nii"}], "test": []}'
FOREIGN = (NNUNET, MONAI, "[1, 2]", "", "no json", '{"version": 1}', "[" * 5000)


@pytest.fixture
def described(tmp_path):
    """A folder of two images, and its description, not yet written."""
    return check_dataset(pairs(tmp_path / "d")).description


@pytest.fixture
def unwritable(monkeypatch):
    """Makes folders that are added to it unwritable for this process, as a read-only disk does even for root."""
    folders = set()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path not in folders and access(path, mode))
    return folders


@pytest.mark.parametrize("content", FOREIGN)
def test_a_file_of_another_program_stays_and_the_description_is_found_beside_it(described, content):
    foreign = text(described.root / DESCRIPTION_FILE, content)
    file = save_description(described, described.root)
    assert (foreign.read_text(), file) == (content, described.root / ".seglet" / DESCRIPTION_FILE)
    assert describe_data(described.root) == described
    assert find_classes(str(described.root)) == described.classes


@pytest.mark.parametrize("content", FOREIGN[:3])
def test_no_file_of_another_program_is_overwritten_by_a_description_or_deleted(described, tmp_path, content):
    foreign = text(tmp_path / DESCRIPTION_FILE, content)
    with pytest.raises(DataError, match="is there already and is no description"):
        described.save(foreign)
    with pytest.raises(DataError, match="choose another --out"):
        delete_description(tmp_path)
    assert foreign.read_text() == content


def test_a_description_is_known_even_where_it_is_damaged_or_of_another_version(described, tmp_path):
    described.save(tmp_path / "whole.json")
    whole = (tmp_path / "whole.json").read_text()
    kept = [whole, whole[:-9], whole.replace('"version":1', '"version": 9'), whole.replace(",", " ,\n").lstrip()]
    assert [is_description(text(tmp_path / "a.json", content)) for content in kept] == [True] * 4


def test_a_damaged_description_is_an_error_and_written_again(described):
    file = save_description(described, described.root)
    file.write_text(file.read_text()[:-5])
    with pytest.raises(DataError, match="is no data set description"):
        describe_data(described.root)
    assert save_description(described, described.root) == file
    assert describe_data(described.root) == described


def test_a_folder_moves_with_the_description_beside_a_foreign_file(described, tmp_path):
    text(described.root / DESCRIPTION_FILE, NNUNET)
    save_description(described, described.root)
    moved = described.root.rename(tmp_path / "moved")
    assert describe_data(moved).items("all")[0].image == moved / "images" / "0.png"


def test_a_folder_that_cannot_be_written_keeps_its_description_in_the_cache(described, cache, unwritable):
    unwritable |= {described.root, described.root / ".seglet"}
    file = save_description(described, described.root)
    assert (file.is_relative_to(cache), describe_data(described.root)) == (True, described)
    assert not (described.root / DESCRIPTION_FILE).exists()


def test_the_latest_description_of_a_folder_is_read(described, cache, unwritable):
    first = save_description(described, described.root)
    unwritable |= {described.root, described.root / ".seglet"}
    second = save_description(described, described.root)
    assert find_description(described.root) == second
    unwritable.clear()
    assert save_description(described, described.root) == first == find_description(described.root)
    assert not second.exists()


def test_without_any_place_the_cure_is_told(described, unwritable, cache):
    folder = user_cache_folder_for(described.root)
    unwritable |= {described.root, described.root / ".seglet", cache, folder, folder.parent}
    with pytest.raises(DataError, match=r"--out FILE`, or set SEGLET_CACHE"):
        description_path(described.root)


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """A user without an account and without a home, as in `docker run --user 12345`; gives the temporary folder."""

    def no_home(path):
        raise RuntimeError("Could not determine home directory.")

    for name in ("SEGLET_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pathlib.Path.expanduser", no_home)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


def test_without_a_home_results_are_kept_in_a_temporary_folder_of_ones_own(homeless):
    folder = user_cache_folder()
    assert (folder.parent, folder.stat().st_mode & 0o777) == (homeless, 0o700)
    assert user_cache_folder() == folder


def test_a_home_that_cannot_be_written_is_none(homeless, monkeypatch, unwritable, tmp_path):
    monkeypatch.setattr("pathlib.Path.expanduser", lambda path: tmp_path / "home/.cache")
    unwritable.add(tmp_path)
    assert user_cache_folder().parent == homeless


def test_a_temporary_folder_that_others_can_write_is_not_trusted(homeless):
    user_cache_folder().chmod(0o777)
    with pytest.raises(DataError, match="set SEGLET_CACHE to a folder of yours"):
        user_cache_folder()


def test_without_a_home_and_a_temporary_folder_data_that_can_be_written_are_checked(described, homeless):
    user_cache_folder().chmod(0o777)
    assert save_description(described, described.root) == described.root / DESCRIPTION_FILE
    assert describe_data(described.root) == described
