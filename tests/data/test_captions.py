from pathlib import Path

import pytest

from seglet.data.columns.caption_files import read_captions
from seglet.data.errors import DataError


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "id,caption\nb,a dog\na,a cat\na,grass\n"),
        ("a.csv", "b,a dog\na,a cat,grass\n"),
        ("a.tsv", "a\ta cat\tgrass\nb\ta dog\n"),
        ("a.json", '{"b": "a dog", "a": ["a cat", "grass"]}'),
        ("a.json", '[{"image": "b", "caption": "a dog"}, {"id": "a", "captions": ["a cat", "grass"]}]'),
        ("a.jsonl", '{"id": "b", "captions": ["a dog"]}\n{"id": "a", "captions": ["a cat", "grass"]}\n'),
    ],
)
def test_captions_are_found_by_name_whatever_their_order(tmp_path: Path, name: str, text: str) -> None:
    found = read_captions(written(tmp_path, name, text))
    assert (found.of("a"), found.of("b")) == (("a cat", "grass"), ("a dog",))


def test_files_may_be_named_in_place_of_ids(tmp_path: Path) -> None:
    found = read_captions(written(tmp_path, "a.csv", "image,caption\ntrain/a.jpg,a cat\n"))
    assert found.of("a") == ("a cat",)


def test_two_files_of_one_name_are_not_mistaken(tmp_path: Path) -> None:
    found = read_captions(written(tmp_path, "a.csv", "x/a.jpg,a cat\ny/a.jpg,a dog\n"))
    with pytest.raises(DataError, match="no caption of 'a'"):
        found.of("a")


def test_a_caption_is_not_given_to_the_image_of_another_folder(tmp_path: Path) -> None:
    found = read_captions(written(tmp_path, "a.csv", "cam2\\0.jpg,a cat\n1.jpg,a dog\n"))
    assert (found.of("cam2/0"), found.of("cam1/1")) == (("a cat",), ("a dog",))
    for name in ("cam1/0", "cam2/1"):
        with pytest.raises(DataError, match=f"no caption of '{name}'|could be of 'cam1/1' and of '{name}'"):
            found.of(name)


def test_an_empty_caption_is_allowed(tmp_path: Path) -> None:
    assert read_captions(written(tmp_path, "a.csv", "a,\n")).of("a") == ("",)


def test_an_image_without_a_line_may_have_no_caption(tmp_path: Path) -> None:
    found = read_captions(written(tmp_path, "a.csv", "x/a.jpg,a cat\ny/a.jpg,a dog\n"))
    assert (found.of("b", missing=("",)), found.of("x/a", missing=("",))) == (("",), ("a cat",))
    with pytest.raises(DataError, match="set captions_missing: neutral"):
        found.of("b")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", '["a cat", "a dog"]', "entry 0 .* names no image, and captions without names are not taken"),
        ("a.json", "{", "cannot be read"),
        ("a.json", "{}", "names no image"),
        ("a.json", '{"a": 3}', "expected a caption of 'a'"),
        ("a.csv", "a\n", "has one cell"),
        ("a.txt", "a cat", "captions are read from .csv"),
    ],
)
def test_what_cannot_be_matched_is_refused_with_what_is_expected(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_captions(written(tmp_path, name, text))
