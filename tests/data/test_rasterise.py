import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.disk import text

from seglet.data.errors import DataError
from seglet.data.layouts.instances import doubtful_objects, rasterise_instances, read_instances, undrawn_objects
from seglet.data.layouts.rasterise import rasterise_segmentation, uncompress_runs, without_outline


def test_a_polygon_covers_the_pixels_whose_centres_it_holds():
    square = [1, 0, 3, 0, 3, 2, 1, 2]
    assert rasterise_segmentation([square], (3, 4)).astype(int).tolist() == [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


def test_the_polygons_of_an_object_are_joined():
    left, right = [0, 0, 1, 0, 1, 1, 0, 1], [2, 0, 3, 0, 3, 1, 2, 1]
    assert rasterise_segmentation([left, right], (1, 3)).tolist() == [[True, False, True]]


def test_a_polygon_may_reach_beyond_the_image():
    assert rasterise_segmentation([[-5, -5, 99, -5, 99, 1, -5, 1]], (2, 2)).tolist() == [[True, True], [False, False]]


def test_a_polygon_covers_its_area():
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = np.stack([50 + 40 * np.cos(angles), 60 + 40 * np.sin(angles)], axis=1)
    area = 0.5 * 60 * 40**2 * np.sin(2 * np.pi / 60)
    assert abs(rasterise_segmentation([circle.ravel().tolist()], (120, 100)).sum() - area) < 20


def test_run_lengths_go_down_the_columns_and_begin_outside():
    inside = rasterise_segmentation({"size": [2, 3], "counts": [1, 2, 3]}, (2, 3))
    assert inside.astype(int).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_compressed_run_lengths_are_those_of_pycocotools():
    assert uncompress_runs("06") == [0, 6]  # 48 + the number, for what fits in 4 bits
    assert uncompress_runs("P1P1") == [32, 32]  # continued in a second character
    assert uncompress_runs("1235") == [1, 2, 3, 7]  # the fourth is 5 more than the second
    assert uncompress_runs("15O4") == [1, 5, -1, 9]  # bit 4 of the last character is the sign


@given(st.lists(st.integers(0, 10**6), max_size=20))
def test_any_run_lengths_survive_compression(counts):
    assert uncompress_runs(_compress(counts)) == counts


@pytest.mark.parametrize(
    "segmentation",
    [None, 5, "x", [["a", "b"]], [[0, 0, float("nan"), 1, 1, 1]], [[1, 2, 3]], {}, {"size": [2, 2], "counts": [9]},
     {"size": [9, 9], "counts": [81]}, {"size": [2, 2], "counts": "~~~"}, {"size": [2, 2], "counts": [-1, 5]},
     {"size": [2, 2], "counts": "P"}, {"size": [2, 2], "counts": [10**30]}],
)  # fmt: skip
def test_what_cannot_be_drawn_is_an_error_of_the_data(segmentation):
    with pytest.raises(DataError):
        rasterise_segmentation(segmentation, (2, 2))


def instances(tmp_path, *annotations, **image):
    data = {
        "images": [{"id": 7, "file_name": "a.jpg", "height": 2, "width": 3, **image}],
        "categories": [{"id": 90, "name": "toothbrush"}, {"id": 3, "name": "car"}],
        "annotations": [{"id": place, "image_id": 7, "category_id": 3, **row} for place, row in enumerate(annotations)],
    }
    return read_instances(text(tmp_path / "instances_val.json", json.dumps(data)))


def runs(*counts):
    return {"size": [2, 3], "counts": list(counts)}


def test_categories_are_numbered_by_id_from_one(tmp_path):
    found = instances(tmp_path)
    assert found.names == ("car", "toothbrush")
    assert found.labels == {3: 1, 90: 2}


def test_small_objects_lie_over_large_ones_and_crowds_below_all(tmp_path):
    found = instances(
        tmp_path,
        {"category_id": 90, "segmentation": runs(0, 1, 5)},
        {"category_id": 3, "segmentation": runs(0, 3, 3)},
        {"iscrowd": 1, "segmentation": runs(2, 2, 2)},
    )
    mask, problems = rasterise_instances(found, found.images[0])
    assert (mask.tolist(), problems) == ([[2, 1, 0], [1, 255, 0]], [])


def test_of_equal_objects_the_later_wins(tmp_path):
    found = instances(tmp_path, {"segmentation": runs(0, 6)}, {"category_id": 90, "segmentation": runs(0, 6)})
    assert np.unique(rasterise_instances(found, found.images[0])[0]).tolist() == [2]


def test_objects_that_cannot_be_drawn_are_listed(tmp_path):
    found = instances(tmp_path, {"segmentation": "?"}, {"category_id": 5, "segmentation": runs(0, 6)})
    assert [problem.what[:9] for problem in rasterise_instances(found, found.images[0])[1]] == [
        "object 0 ",
        "object 1 ",
    ]


@pytest.mark.parametrize(
    ("name", "below"),
    [("../a.jpg", "a.jpg"), ("/etc/passwd", "etc/passwd"), ("a/../../b.jpg", "b.jpg"), ("..\\a.jpg", "a.jpg"),
     ("C:\\data\\a.jpg", "data/a.jpg"), ("./x/a.jpg", "x/a.jpg"), ("s3://bucket/a.jpg", "bucket/a.jpg")],
)  # fmt: skip
def test_no_image_lies_outside_the_folder(tmp_path, name, below):
    assert instances(tmp_path, file_name=name).images[0].file == below


@pytest.mark.parametrize("row", [{"file_name": "a\0.jpg"}, {"file_name": ".."}, {"file_name": None}])
def test_an_image_without_a_usable_name_is_a_problem_of_that_image(tmp_path, row):
    assert "name" in instances(tmp_path, **row).images[0].problem


def test_a_hostile_size_is_a_problem_of_that_image(tmp_path):
    assert "claims a size of 1000000x1000000" in instances(tmp_path, height=10**6, width=10**6).images[0].problem


@pytest.mark.parametrize(
    "sides", [{"height": None, "width": None}, {"height": 0, "width": 0}, {"height": "", "width": 3}]
)
def test_a_size_that_is_not_stated_is_not_known(tmp_path, sides):
    assert instances(tmp_path, **sides).images[0].size is None


def test_ids_are_only_compared_so_texts_and_numbers_mean_the_same(tmp_path):
    found = instances(tmp_path, {"image_id": "7", "category_id": 3.0, "segmentation": runs(0, 6)})
    mask, problems = rasterise_instances(found, found.images[0])
    assert (mask.tolist(), problems, found.unlisted) == ([[1, 1, 1], [1, 1, 1]], [], 0)
    named = instances(tmp_path, {"image_id": "img_a", "segmentation": runs(0, 6)}, id="img_a")
    assert (named.images[0].number, len(named.objects["img_a"])) == ("img_a", 1)


def test_polygons_may_stand_without_a_list_or_as_points():
    flat, points = [1, 0, 3, 0, 3, 2, 1, 2], [[1, 0], [3, 0], [3, 2], [1, 2]]
    for shape in (flat, [flat], points, [points]):
        assert rasterise_segmentation(shape, (3, 4)).astype(int).tolist() == [[0, 1, 1, 0], [0, 1, 1, 0], [0] * 4]


@pytest.mark.parametrize(
    ("row", "kind"),
    [({"segmentation": [], "bbox": [0, 0, 1, 1]}, "box without outline"), ({"bbox": [1]}, "box without outline"),
     ({"segmentation": None, "keypoints": [1, 1, 2]}, "keypoints"), ({"segmentation": [[1, 1, 2, 2]]}, "line or point"),
     ({"segmentation": [[]]}, "object without outline"), ({"segmentation": {"size": [2, 3], "counts": [0, 6]}}, ""),
     ({"segmentation": [[0, 0, 1, 0, 1, 1]], "keypoints": [1]}, "")],
)  # fmt: skip
def test_objects_that_cover_no_known_pixel_have_a_kind(row, kind):
    assert without_outline(row) == kind


def test_an_image_whose_objects_are_all_boxes_is_an_error_and_some_boxes_a_warning(tmp_path):
    box, outline = {"segmentation": [], "bbox": [0, 0, 2, 2]}, {"segmentation": runs(0, 6)}
    found = instances(tmp_path, box, box)
    (problem,) = undrawn_objects(found, found.images[0])
    assert (problem.severity, problem.what) == (
        "error",
        "2 of 2 objects cover no known pixels (box without outline: 2)",
    )
    found = instances(tmp_path, box, outline)
    (problem,) = undrawn_objects(found, found.images[0])
    assert (problem.severity, problem.what) == (
        "warning", "1 of 2 objects cover no known pixels (box without outline: 1)",
    )  # fmt: skip
    assert undrawn_objects(instances(tmp_path, outline), found.images[0]) == []


def test_classes_of_crowds_alone_and_objects_of_no_image_are_warned_of(tmp_path):
    crowd = {"iscrowd": 1, "segmentation": runs(0, 6)}
    found = instances(tmp_path, crowd, crowd, {"category_id": 90, "image_id": 8, "segmentation": runs(0, 6)})
    crowds, unlisted = doubtful_objects(found)
    assert "iscrowd" in crowds.what
    assert "'car': 2" in crowds.what
    assert "--crowds objects" in crowds.cure
    assert unlisted.what.startswith("1 objects")
    assert doubtful_objects(instances(tmp_path, crowd, {"segmentation": runs(0, 6)})) == []


def test_an_id_that_stands_twice_is_refused(tmp_path):
    data = {"images": [{"id": 1, "file_name": "a.jpg"}, {"id": "1", "file_name": "b.jpg"}]}
    with pytest.raises(DataError, match="two images with the id 1"):
        read_instances(text(tmp_path / "a.json", json.dumps({**data, "annotations": [], "categories": []})))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"images": 3}', "nonsense", '{"categories": [], "images": [1]}'])
def test_other_json_is_refused(tmp_path, content):
    with pytest.raises(DataError, match=r"a\.json"):
        read_instances(text(tmp_path / "a.json", content))


def _compress(counts):
    """The inverse, bit by bit as its description says."""
    text = ""
    for place, count in enumerate(counts):
        value = count - counts[place - 2] if place > 2 else count
        while True:
            bits, value = value & 31, value >> 5
            last = value == (-1 if bits & 16 else 0)
            text += chr(48 + (bits if last else bits | 32))
            if last:
                break
    return text
