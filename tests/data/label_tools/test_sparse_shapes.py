"""Points, lines and boxes as each tool writes them."""

import json

import numpy as np
import pytest

from seglet.data.label_tools import read_annotations

SIZE = (10, 20)


def labelme():
    shapes = [
        {"label": "a", "shape_type": "point", "points": [[1, 2]]},
        {"label": "a", "shape_type": "linestrip", "points": [[1, 2], [3, 4], [5, 4]]},
    ]
    return json.dumps({"shapes": shapes, "imagePath": "x.png", "imageHeight": 10, "imageWidth": 20})


def cvat():
    shapes = '<points label="a" points="1,2"/><polyline label="a" points="1,2;3,4;5,4"/>'
    return f'<annotations><image name="x.png" height="10" width="20">{shapes}</image></annotations>'


def label_studio():
    sizes = {"original_width": 20, "original_height": 10}
    vertices = [{"x": 5, "y": 20}, {"x": 15, "y": 40}, {"x": 25, "y": 40}]
    point = {"type": "keypointlabels", "value": {"x": 5, "y": 20, "width": 1, "keypointlabels": ["a"]}, **sizes}
    line = {"type": "vectorlabels", "value": {"vertices": vertices, "closed": False, "vectorlabels": ["a"]}, **sizes}
    return json.dumps([{"data": {"image": "x.png"}, "annotations": [{"result": [point, line]}]}])


def coco():
    objects = [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 2]]},
        {"id": 2, "image_id": 1, "category_id": 1, "segmentation": [[1, 2, 3, 4]]},
        {"id": 3, "image_id": 1, "category_id": 1, "keypoints": [1, 2, 2, 9, 9, 1]},
        {"id": 4, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]},
    ]
    images = [{"id": 1, "file_name": "x.png", "height": 10, "width": 20}]
    return json.dumps({"images": images, "annotations": objects, "categories": [{"id": 1, "name": "a"}]})


def sparse_shapes(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    _, found = read_annotations(tmp_path / name)
    return [(one.form, one.corners.tolist()) for one in found.image(found.entries[0], SIZE).sparse]


@pytest.mark.parametrize(("name", "write"), [("x.json", labelme), ("x.xml", cvat), ("x.json", label_studio)])
def test_points_and_lines_are_kept_in_pixels(tmp_path, name, write):
    point, line = sparse_shapes(tmp_path, name, write())
    assert point == ("points", [[1, 2]])
    assert line[0] == "line"
    np.testing.assert_allclose(line[1], [[1, 2], [3, 4], [5, 4]])


def test_coco_objects_without_an_outline_are_kept(tmp_path):
    point, line, keypoints, box = sparse_shapes(tmp_path, "x.json", coco())
    assert (point, line) == (("points", [[1, 2]]), ("line", [[1, 2], [3, 4]]))
    assert keypoints == ("points", [[1, 2]])  # the second one is hidden
    assert box == ("box", [[1, 2], [4, 2], [4, 6], [1, 6]])


@pytest.mark.parametrize(
    "text", ["image,label,xmin,ymin,xmax,ymax\nx.png,a,1,2,4,6", "file;class;shape;points\nx.png;a;box;1 2 4 6"]
)
def test_boxes_of_a_table_may_have_columns_of_their_own(tmp_path, text):
    assert sparse_shapes(tmp_path, "x.csv", text) == [("box", [[1, 2], [4, 2], [4, 6], [1, 6]])]


def test_a_drawn_rectangle_is_a_region_that_knows_its_corners(tmp_path):
    shape = {"label": "a", "shape_type": "rectangle", "points": [[1, 1], [3, 3]]}
    content = {"shapes": [shape], "imagePath": "x.png", "imageHeight": 10, "imageWidth": 20}
    (tmp_path / "x.json").write_text(json.dumps(content))
    _, found = read_annotations(tmp_path / "x.json")
    assert found.image(found.entries[0]).regions[0].box.tolist() == [[1, 1], [3, 1], [3, 3], [1, 3]]
