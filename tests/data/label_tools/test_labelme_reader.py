"""Shapes and files of LabelMe and of X-AnyLabeling: corners, marks, images elsewhere, broken files among others."""

import json

import numpy as np
import pytest

from seglet.data.errors import DataError
from seglet.data.label_tools.labelme_reader import read_labelme


def shape(kind, *points, label="crack"):
    return {"label": label, "shape_type": kind, "points": list(points)}


def write(file, *shapes, **more):
    content = {"shapes": list(shapes), "imagePath": f"{file.stem}.png", "imageHeight": 6, "imageWidth": 8, **more}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def only(tmp_path, *shapes, **more):
    found = read_labelme(write(tmp_path / "a.json", *shapes, **more))
    return found.image(found.entries[0])


def box(region):
    rows, columns = np.nonzero(region.inside)
    return len(rows), columns.min(), columns.max(), rows.min(), rows.max()


@pytest.mark.parametrize(
    "drawn",
    [shape("rectangle", [5, 4], [1, 2]), shape("rectangle", [1, 2], [5, 2], [5, 4], [1, 4]),
     shape("rotation", [1, 2], [5, 2], [5, 4], [1, 4]), shape("quadrilateral", [1, 2], [5, 2], [5, 4], [1, 4]),
     shape(None, [1, 2], [5, 2], [5, 4], [1, 4])],
)  # fmt: skip
def test_a_rectangle_has_two_opposite_corners_or_all_four(tmp_path, drawn):
    assert [box(region) for region in only(tmp_path, drawn).regions] == [(8, 1, 4, 2, 3)]


def test_lines_and_points_are_counted(tmp_path):
    image = only(
        tmp_path,
        shape("point", [1, 1]),
        shape("linestrip", [1, 1], [2, 2], [3, 1]),
        shape("line", [1, 1], [2, 2]),
        shape("line", [1, 1], [3, 2]),
        shape("cuboid", [1, 1], [3, 2], [3, 3]),
        shape("polygon", [1, 1], [3, 2]),
        shape("circle", [1, 1]),
        flags={"good": True, "bad": False},
    )
    assert image.regions == ()
    assert image.passed_over == {
        "point": 1,
        "linestrip": 1,
        "line": 2,
        "cuboid": 1,
        "polygon of fewer than 3 corners": 1,
        "circle of fewer than 3 corners": 1,
    }
    assert image.remarks == {"flag 'good' of the image": 1}


def test_names_are_collected_without_drawing(tmp_path):
    broken = shape("polygon", ["x", 1], [1, 2], [3, 4], label="b")
    write(tmp_path / "lm/a.json", broken, shape("point", [1, 1], label="c"))
    write(tmp_path / "lm/b.json", shape("rectangle", [0, 0], [1, 1], label="a"))
    found = read_labelme(tmp_path / "lm")
    assert found.names == ("a", "b", "c")
    with pytest.raises(DataError, match=r"a\.png.*a corner of a polygon is 'x'; a number was expected"):
        found.image(found.entries[0])
    assert box(found.image(found.entries[1]).regions[0])[0] == 1


def test_broken_and_other_files_stop_nothing(tmp_path):
    write(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_text("{}")
    found = read_labelme(tmp_path)
    assert [(entry.file, bool(entry.problem)) for entry in found.entries] == [("a.png", False), ("b", True)]
    assert found.passed_over == {"JSON file of another form": 1}


@pytest.mark.parametrize(("rows", "columns"), [(None, None), (0, 0)])
def test_the_size_comes_from_the_image_where_it_is_not_stated(tmp_path, rows, columns):
    found = read_labelme(write(tmp_path / "a.json", imageHeight=rows, imageWidth=columns))
    assert found.image(found.entries[0], (2, 3)).size == (2, 3)
    with pytest.raises(DataError, match="--images"):
        found.image(found.entries[0])


@pytest.mark.parametrize(
    ("file", "path", "names"),
    [("other.json", "..\\bilder\\p0.jpg", ["p0.jpg", "bilder/p0.jpg", "other.jpg"]),
     ("a/one.json", "../../images/a/one.jpg", ["a/one.jpg", "images/a/one.jpg"]),
     ("x/p.json", "p.jpg", ["x/p.jpg", "p.jpg"]), ("p.json", "", ["p"]),
     ("p.json", "C:\\Users\\me\\p.jpg", ["p.jpg", "Users/me/p.jpg"])],
)  # fmt: skip
def test_image_path_says_which_image_it_is(tmp_path, file, path, names):
    write(tmp_path / file, imagePath=path)
    (entry,) = read_labelme(tmp_path).entries
    assert list(dict.fromkeys([entry.file, *entry.others])) == names


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_any_unicode_is_read_with_or_without_a_mark(tmp_path, coding):
    file = write(tmp_path / "a.json", shape("rectangle", [0, 0], [1, 1], label="Riß"))
    file.write_bytes(json.dumps(json.loads(file.read_text()), ensure_ascii=False).encode(coding))
    assert read_labelme(file).names == ("Riß",)


@pytest.mark.parametrize("bad", [{"shapes": 3}, {"shapes": [3]}, {"imageWidth": "x"}, {"shapes": [{"points": []}]}])
def test_a_broken_file_is_told_in_words(tmp_path, bad):
    with pytest.raises(DataError, match=r"`shapes` is no list|its width is 'x'|has no `label`"):
        only(tmp_path, **bad)
