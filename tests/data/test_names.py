"""Names of images: one form for all, and no name that means two images."""

from pathlib import Path

import pytest

from seglet.data.errors import DataError
from seglet.data.names import ImageNames, NamedFiles, match_names, written_name

ROOT = Path("/d")


def names(*files):
    """Images below /d/images, by their paths there."""
    return ImageNames(((file.rsplit(".", 1)[0], ROOT / "images" / file) for file in files), ROOT)


def found(known, text):
    return [path.relative_to(ROOT / "images").as_posix() for path in known.find(text).images]


@pytest.mark.parametrize(
    "written",
    ["cam1/a.png", r"cam1\a.png", "./cam1/a.PNG", " cam1//a ", "x/../cam1/a.jpeg", "/cam1/a", "cam1/a"],
)
def test_a_name_has_one_form_whoever_wrote_it(written):
    assert written_name(written) == "cam1/a"


def test_dots_in_a_name_are_no_ending():
    assert written_name("scan_0.02") == "scan_0.02"
    assert written_name("scan_0.02.tif") == "scan_0.02"


def test_accents_are_the_same_in_both_ways_to_write_them():
    assert found(names("\u00fc.png"), "u\u0308") == ["\u00fc.png"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("cam1/0", ["cam1/0.png"]),
        ("images/cam1/0.png", ["cam1/0.png"]),
        (r"D:\sets\mine\images\cam1\0.png", ["cam1/0.png"]),
        ("/home/somebody/cam1/0.png", ["cam1/0.png"]),
        ("0", ["cam1/0.png", "cam2/0.png"]),
        ("cam3/0", []),
        ("/home/somebody/0.png", []),
        ("1", ["cam2/1.png"]),
        ("cam1/1", []),
    ],
)
def test_folders_that_are_written_count(written, expected):
    assert found(names("cam1/0.png", "cam2/0.png", "cam2/1.png"), written) == expected


def test_a_whole_id_goes_before_the_end_of_another():
    assert found(names("0.png", "cam1/0.png"), "0") == ["0.png"]


def test_the_ending_tells_images_of_one_name_apart():
    both = names("a.jpg", "a.png")
    assert found(both, "a.png") == ["a.png"]
    assert found(both, "a.jpg") == ["a.jpg"]
    assert found(both, "a") == ["a.jpg", "a.png"]
    assert found(both, "a.tif") == ["a.jpg", "a.png"]


def test_an_ending_that_belongs_to_the_name_is_found():
    assert found(names("a.jpg.png"), "a.jpg") == ["a.jpg.png"]


def test_names_are_matched_all_at_once():
    known = names("0.png", "1.png", "cam/2.png", "cam1/2.png")
    matched = match_names(["0", "old/0", "a/1", "b/1", "2", "3"], known)
    assert {name: path.name for name, path in matched.images.items()} == {"0": "0.png", "a/1": "1.png"}
    assert matched.missing == ("old/0", "3")
    assert list(matched.ambiguous) == ["2"]
    assert matched.repeated == (("a/1", "b/1"),)


def test_a_file_is_given_to_one_image_alone():
    files = NamedFiles([("0", Path("0.npy")), ("cam2/1", Path("1.npy"))], "depth map")
    assert files.of("cam1/0") == files.of("cam1/0") == Path("0.npy")
    assert files.of("cam1/1") is None
    with pytest.raises(DataError, match="could be of 'cam1/0' and of 'cam2/0'"):
        files.of("cam2/0")


def test_two_files_of_one_name_are_given_to_nobody():
    with pytest.raises(DataError, match=r"no depth map of '0' alone: 'a/0.png', 'b/0.png' have its name"):
        NamedFiles([("a/0", Path("a/0.png")), ("b/0", Path("b/0.png"))], "depth map").of("0")
