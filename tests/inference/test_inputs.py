"""Which images are meant, and what their results are called."""

from pathlib import Path

import pytest

from seglet.files import path_below
from seglet.inference.inputs import ImageFile, gather_images, with_unique_names


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def names(*inputs: Path, out: Path = Path("elsewhere")) -> list[str]:
    return [image.name for image in gather_images(inputs, out)]


def test_folders_keep_their_structure(tmp_path):
    touch(tmp_path / "a.jpg", tmp_path / "sub/b.PNG", tmp_path / "notes.txt")
    assert names(tmp_path) == ["a", "sub/b"]


def test_a_list_is_read_relative_to_itself(tmp_path):
    touch(tmp_path / "sub/b.png")
    (tmp_path / "list.txt").write_text("# images\nsub/b.png\n\n/far/away.png\n../up.png\n")
    assert names(tmp_path / "list.txt") == ["sub/b", "away", "up"]


def test_an_image_given_twice_counts_once(tmp_path):
    touch(tmp_path / "a.jpg")
    assert names(tmp_path, tmp_path / "a.jpg") == ["a"]


def test_clashing_names_are_made_different():
    given = [
        ImageFile(Path(name), name.rsplit(".", 1)[0]) for name in ("a.jpg", "a.png", "A.PNG", "a_jpg.png", "b.png")
    ]
    assert [image.name for image in with_unique_names(given)] == ["a_jpg-2", "a_png", "A_png-2", "a_jpg", "b"]


def test_earlier_results_are_no_images(tmp_path):
    touch(tmp_path / "a.jpg", tmp_path / "out/masks/a.png")
    assert names(tmp_path, out=tmp_path / "out") == ["a"]


def test_nothing_to_do_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no images in"):
        names(tmp_path)
    with pytest.raises(ValueError, match="there is no file or folder"):
        names(tmp_path / "gone.png")


def test_the_error_about_raw_files_of_a_camera_has_the_cure(tmp_path):
    touch(tmp_path / "sub" / "a.ARW", tmp_path / "b.txt")
    with pytest.raises(ValueError, match=r"but 1 raw files of a camera, such as a\.ARW: develop them"):
        names(tmp_path)


def test_dots_in_names_stay():
    assert path_below(Path("out"), "sub/v1.2", ".png") == Path("out/sub/v1.2.png")
