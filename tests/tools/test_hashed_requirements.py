import pytest
from tools.hashed_requirements import hashed_lines


def entry(name, **origin):
    return {"metadata": {"name": name, "version": "1.0"}, "download_info": origin}


def test_each_package_has_the_hash_of_its_file_and_this_folder_none():
    packages = [entry("Torch", archive_info={"hashes": {"sha256": "ab"}}), entry("seglet", dir_info={})]
    assert hashed_lines({"install": packages}) == ["torch==1.0 --hash=sha256:ab"]


def test_a_file_without_a_hash_is_refused():
    with pytest.raises(ValueError, match="no sha256 of torch"):
        hashed_lines({"install": [entry("torch", archive_info={})]})
