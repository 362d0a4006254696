"""Files that may be upload on the page, and messages about the others."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from seglet.data.errors import DataError
from seglet.webapp import uploads
from seglet.webapp.uploads import UploadLimits, read_upload, read_uploads, safe_file_name


def drop(folder, name, height=20, width=30):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), 9, np.uint8)).save(file, "PNG")
    return file


def test_an_image_is_taken_as_it_is(tmp_path):
    upload = read_upload(drop(tmp_path, "a.png"), UploadLimits())
    assert (upload.name, upload.size, upload.image.shape) == ("a.png", (20, 30), (20, 30, 3))


def test_a_long_image_is_shrunk(tmp_path):
    upload = read_upload(drop(tmp_path, "a.png", 20, 60), UploadLimits(side=30))
    assert (upload.size, upload.image.shape) == ((20, 60), (10, 30, 3))


@pytest.mark.parametrize(
    ("height", "width", "message"),
    [(3, 20000, "'a.png' is 20000x3; expected sides of 8"), (8, 200, "16 times"), (90, 90, "limit of 8000 pixels")],
)
def test_images_of_no_use_are_refused(height, width, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read_upload(drop(tmp_path, "a.png", height, width), UploadLimits(max_pixels=8000 if height == 90 else 100_000))


def test_a_bomb_is_refused_from_its_header(tmp_path):
    content = bytearray(drop(tmp_path, "a.png").read_bytes())
    content[16:24] = struct.pack(">II", 60000, 60000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "bomb.png").write_bytes(content)
    with pytest.raises(DataError, match=r"'bomb\.png' is 60000x60000, beyond the limit of 24000000 pixels"):
        read_upload(tmp_path / "bomb.png", UploadLimits())


def test_errors_name_the_file_and_not_where_it_lies(tmp_path):
    (tmp_path / "page.png").write_text("<script>alert(1)</script>")
    (tmp_path / "empty.png").touch()
    images, wrong = read_uploads(
        [tmp_path / "page.png", drop(tmp_path, "a.png"), tmp_path / "empty.png"], UploadLimits()
    )
    assert [one.name for one in images] == ["a.png"]
    assert wrong[0].startswith("'page.png' is not a readable image")
    assert wrong[1].startswith("'empty.png' is empty")
    assert str(tmp_path) not in "".join(wrong)


def test_a_file_beyond_the_limit_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "UPLOAD_MEGABYTES", 0)
    with pytest.raises(DataError, match="larger than 0 MB"):
        read_upload(drop(tmp_path, "a.png"), UploadLimits())


def test_images_of_one_name_get_distinct_names(tmp_path):
    files = [drop(tmp_path, f"{folder}/a.png") for folder in "xyz"]
    assert [one.name for one in read_uploads(files, UploadLimits())[0]] == ["a.png", "a-2.png", "a-3.png"]


def test_no_more_than_the_limit_is_taken_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "_MOST_IMAGES", 1)
    images, wrong = read_uploads([drop(tmp_path, "a.png"), drop(tmp_path, "b.png")], UploadLimits())
    assert len(images) == 1
    assert wrong == ["2 files were dropped, the first 1 are shown; `seglet predict` takes any number"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("<script>alert(1)</script>.png", "script.png"),
        ("..", "image"),
        ("a/../../b.png", "b.png"),
        (".hidden.png", "hidden.png"),
        ("Straße 1.jpeg", "Straße_1.jpeg"),
        ("x" * 300 + ".png", "x" * 80 + ".png"),
    ],
)
def test_names_of_downloads_are_harmless(name, kept):
    assert safe_file_name(name) == kept
