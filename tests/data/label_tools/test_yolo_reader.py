"""YOLO's texts: outlines are read, boxes and keypoints counted, classes named by a file beside them."""

import pytest

from seglet.data.errors import DataError
from seglet.data.label_tools.formats import read_annotations

HALF = "1 0 0 0.5 0 0.5 1 0 1"


def folder(tmp_path, texts, yaml="names: [spall, crack]\n"):
    for name, text in texts.items():
        file = tmp_path / "labels" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    if yaml:
        (tmp_path / "data.yaml").write_text(yaml)
    return tmp_path


def test_outlines_are_shares_of_the_sides_of_the_image(tmp_path):
    tool, found = read_annotations(
        folder(tmp_path, {"train/a.txt": f"{HALF}\n", "val/b.txt": HALF, "train/no.txt": ""})
    )
    assert (tool, found.names) == ("yolo", ("spall", "crack"))
    assert [entry.file for entry in found.entries] == ["train/a", "train/no", "val/b"]
    (region,) = found.image(found.entries[0], (2, 4)).regions
    assert (region.name, region.inside.tolist()) == ("crack", [[True, True, False, False]] * 2)
    assert found.image(found.entries[1], (2, 4)).regions == ()
    with pytest.raises(DataError, match="--images"):
        found.image(found.entries[0])


def test_boxes_and_keypoints_are_counted(tmp_path):
    _, found = read_annotations(folder(tmp_path, {"a.txt": "0 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.2 0.2 0.9\n"}))
    assert found.image(found.entries[0], (2, 4)).passed_over == {"box without outline": 2}
    _, found = read_annotations(folder(tmp_path, {"a.txt": HALF}, "kpt_shape: [2, 2]\nnames: [a, b]\n"))
    assert found.image(found.entries[0], (2, 4)).passed_over == {"keypoints": 1}


def test_a_broken_text_is_a_problem_of_its_image(tmp_path):
    texts = {"a.txt": HALF, "b.txt": f"{HALF}\ncrack 1 2\n", "c.txt": "7 0 0 1 0 1 1\n", "classes.txt": "x\ny\n"}
    _, found = read_annotations(folder(tmp_path, texts, yaml=""))
    assert ([entry.file for entry in found.entries], found.names) == (["a", "b", "c"], ("x", "y"))
    with pytest.raises(DataError, match=r"line 2 of b\.txt is 'crack 1 2'"):
        found.image(found.entries[1], (2, 2))
    with pytest.raises(DataError, match=r"line 1 of c\.txt has class 7; 2 classes are named"):
        found.image(found.entries[2], (2, 2))


def test_numbers_that_no_file_names_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"add classes\.txt"):
        read_annotations(folder(tmp_path, {"a.txt": HALF}, yaml=""))
