"""Shapes and tasks of Label Studio: turned, round, painted, with separate labels, empty, skipped, several at once."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from seglet.data.errors import DataError
from seglet.data.label_tools.image_address import image_names
from seglet.data.label_tools.label_studio_reader import read_label_studio
from seglet.data.label_tools.runs import brush_runs


def result(kind, value, **more):
    return {"id": "r", "type": kind, "original_width": 8, "original_height": 8, "value": value, **more}


def task(*results, image="/data/upload/1/0123abcd-a.png", **more):
    return {"id": 3, "data": {"image": image}, "annotations": [{"result": list(results)}], **more}


def read(tmp_path, *tasks):
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    return read_label_studio(tmp_path / "tasks.json")


def only(tmp_path, *results):
    found = read(tmp_path, task(*results))
    return found.image(found.entries[0])


def pixels(region):
    rows, columns = np.nonzero(region.inside)
    return len(rows), columns.min(), columns.max(), rows.min(), rows.max()


def test_a_rectangle_is_turned_about_its_first_corner(tmp_path):
    value = {"x": 50, "y": 0, "width": 37.5, "height": 25, "rectanglelabels": ["crack"]}
    (upright,) = only(tmp_path, result("rectanglelabels", {**value, "rotation": 0})).regions
    (turned,) = only(tmp_path, result("rectanglelabels", {**value, "rotation": 90})).regions
    assert pixels(upright) == (6, 4, 6, 0, 1)
    assert pixels(turned) == (6, 2, 3, 0, 2)


def test_an_ellipse_is_turned_about_its_centre(tmp_path):
    value = {"x": 50, "y": 50, "radiusX": 25, "radiusY": 12.5, "ellipselabels": ["crack"]}
    (upright,) = only(tmp_path, result("ellipselabels", {**value, "rotation": 0})).regions
    (turned,) = only(tmp_path, result("ellipselabels", {**value, "rotation": 90})).regions
    assert pixels(upright) == (8, 2, 5, 3, 4)
    assert pixels(turned) == (8, 3, 4, 2, 5)


def png(values, mode):
    buffer = io.BytesIO()
    Image.fromarray(np.array(values, np.uint8), mode).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def test_a_bitmask_is_opaque_or_else_not_black(tmp_path):
    inside = np.zeros((8, 8), np.uint8)
    inside[2, 3:5] = 255
    clear = np.dstack([np.full((8, 8, 3), 7, np.uint8), inside])
    for address in (png(clear, "RGBA"), png(inside, "L")):
        image = only(tmp_path, result("bitmasklabels", {"imageDataURL": address, "bitmasklabels": ["crack"]}))
        assert pixels(image.regions[0]) == (2, 3, 4, 2, 2)


@pytest.mark.parametrize("address", [None, "", "data:image/png;base64,!!", png(np.zeros((2, 2)), "L")])
def test_a_bitmask_that_is_none_is_told_in_words(tmp_path, address):
    with pytest.raises(DataError, match="bitmask"):
        only(tmp_path, result("bitmasklabels", {"imageDataURL": address, "bitmasklabels": ["crack"]}))


def test_a_closed_vector_is_a_polygon_and_others_are_counted(tmp_path):
    vertices = [{"x": 0, "y": 0}, {"x": 50, "y": 0}, {"x": 50, "y": 25}, {"x": 0, "y": 25}]
    value = {"vertices": vertices, "vectorlabels": ["crack"]}
    curved = [{**vertices[0], "isBezier": True}, *vertices[1:]]
    image = only(
        tmp_path,
        result("vectorlabels", {**value, "closed": True}, id="a"),
        result("vectorlabels", {**value, "closed": False}, id="b"),
        result("vectorlabels", {**value, "vertices": curved, "closed": True}, id="c"),
    )
    assert [pixels(region) for region in image.regions] == [(8, 0, 3, 0, 1)]
    assert image.passed_over == {"vector that is not closed": 1, "vector with curves": 1}


@pytest.mark.parametrize("backwards", [False, True])
def test_a_shape_and_its_labels_may_be_two_results_of_one_id(tmp_path, backwards):
    inside = np.zeros((8, 8), np.bool_)
    inside[1, 1:4] = True
    brush = {"format": "rle", "rle": brush_runs(inside)}
    square = {"points": [[0, 0], [25, 0], [25, 25], [0, 25]], "closed": True}
    rows = [
        result("brush", brush, id="a"),
        result("labels", {**brush, "labels": ["crack"]}, id="a"),
        result("polygon", square, id="b"),
        result("labels", {**square, "labels": ["spall"]}, id="b"),
        result("choices", {"choices": ["deep"]}, id="b"),
    ]
    image = only(tmp_path, *(reversed(rows) if backwards else rows))
    found = {region.name: int(region.inside.sum()) for region in image.regions}
    assert (found, dict(image.passed_over), dict(image.remarks)) == ({"crack": 3, "spall": 4}, {}, {})


def test_what_covers_no_pixel_or_has_no_label_is_counted(tmp_path):
    image = only(
        tmp_path,
        result("keypointlabels", {"x": 1, "y": 1, "width": 1, "keypointlabels": ["crack"]}, id="a"),
        result("polygon", {"points": [[0, 0], [25, 0], [25, 25]]}, id="b"),
        result("polygonlabels", {"points": [[0, 0], [25, 0]], "polygonlabels": ["crack"]}, id="c"),
        result(
            "rectanglelabels",
            {"x": 0, "y": 0, "width": 1, "height": 1, "rectanglelabels": ["crack"]},
            item_index=1,
            id="d",
        ),
        result("choices", {"choices": ["good"]}, id="e"),
    )
    assert image.regions == ()
    assert image.passed_over == {
        "keypoint": 1,
        "polygon without a label": 1,
        "polygon of fewer than 3 corners": 1,
        "rectangle on another page": 1,
    }
    assert image.remarks == {"choices": 1}


def test_of_several_labels_the_first_counts_and_the_others_are_told(tmp_path):
    value = {"x": 0, "y": 0, "width": 100, "height": 100, "rectanglelabels": ["crack", "spall"]}
    image = only(tmp_path, result("rectanglelabels", value))
    assert [region.name for region in image.regions] == ["crack"]
    assert image.remarks == {"further label of a region, of which only the first counts": 1}


def test_an_image_that_was_turned_in_the_tool_is_refused(tmp_path):
    value = {"x": 0, "y": 0, "width": 100, "height": 100, "rectanglelabels": ["crack"]}
    with pytest.raises(DataError, match="turned by 90 degrees"):
        only(tmp_path, result("rectanglelabels", value, image_rotation=90))


def test_an_empty_annotation_is_all_background_at_the_size_of_the_image(tmp_path):
    found = read(tmp_path, task())
    image = found.image(found.entries[0], (2, 3))
    assert (image.size, image.regions) == ((2, 3), ())
    with pytest.raises(DataError, match="--images"):
        found.image(found.entries[0])


def test_tasks_that_nobody_annotated_get_no_mask(tmp_path):
    skipped = {**task(image="b.png"), "annotations": [{"was_cancelled": True, "result": []}]}
    found = read(
        tmp_path, {"data": {"image": "a.png"}, "annotations": []}, skipped, {**skipped, "predictions": [{"result": []}]}
    )
    assert [entry.pending for entry in found.entries] == [
        "nobody has annotated it",
        "it was skipped: all its annotations are cancelled",
        "it was skipped: all its annotations are cancelled",
    ]
    assert list(found.images()) == []


def test_of_several_annotations_the_last_counts_and_the_others_are_told(tmp_path):
    def whole(name):
        return {
            "result": [
                result("rectanglelabels", {"x": 0, "y": 0, "width": 100, "height": 100, "rectanglelabels": [name]})
            ]
        }

    found = read(tmp_path, {**task(), "annotations": [whole("a"), whole("b"), {**whole("c"), "was_cancelled": True}]})
    image = found.image(found.entries[0])
    assert ([region.name for region in image.regions], found.names) == (["b"], ("b",))
    assert image.remarks == {"other annotation of the same image": 1}
    found = read(tmp_path, {"data": {"image": "a.png"}, "predictions": [whole("a"), whole("b")]})
    image = found.image(found.entries[0])
    assert [region.name for region in image.regions] == ["b"]
    assert image.remarks == {"image whose predictions nobody corrected": 1}


def test_a_bad_task_stops_no_other(tmp_path):
    bad = task(result("polygonlabels", {"points": [[0, 0], [1]], "polygonlabels": ["crack"]}), image="b.png")
    found = read(
        tmp_path, {"data": {}, "annotations": []}, bad, {"id": 9, "data": {"images": ["a.png", "b.png"]}}, task()
    )
    assert [entry.problem for entry in found.entries] == [
        "the task's `data` names no image", "", "the task holds several images; export tasks of one image each", "",
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"b\.png.*`points` of a polygon is no list of points"):
        found.image(found.entries[1])
    assert found.image(found.entries[3], (2, 2)).size == (2, 2)


def test_json_min_is_named(tmp_path):
    with pytest.raises(DataError, match="JSON-MIN"):
        read(tmp_path, {"image": "/data/upload/1/0123abcd-a.png", "label": []})


@pytest.mark.parametrize(
    ("address", "name"),
    [("/data/upload/1/0123abcd-a.png", "a.png"), ("/data/local-files/?d=x/images/b/a.png", "b/a.png"),
     ("/data/local-files/?d=x%2Fimages%2Fa%2Bb.png", "a+b.png"), ("/data/local-files/?d=images/a+b.png", "a+b.png"),
     ("/data/local-files/?d=images/c#d.png", "c#d.png"), ("/data/local-files/?d=images/e&f.png", "e&f.png"),
     ("/data/local-files/?d=images/g.png&x=1", "g.png"), ("https://h/p/a%20b.png?sig=x.y&z=1", "a b.png"),
     ("s3://bucket/x/0123abcd-a.png", "a.png"), ("/tasks/1/resolve/?fileuri=czM6Ly9iL3gvYS5wbmc=", "a.png"),
     ("images\\x\\a.png", "x/a.png"), ("a#b.png", "a#b.png")],
)  # fmt: skip
def test_the_name_behind_an_address(address, name):
    assert image_names({"data": {"image": address}})[0] == name


def test_other_names_of_an_image_are_kept_to_be_tried():
    assert image_names({"data": {"image": "s3://bucket/x/a.png"}}) == ["a.png", "bucket/x/a.png"]
    assert image_names({"data": {"image": "/data/local-files/?d=images/a+b.png"}}) == ["a+b.png", "a b.png"]
    assert image_names({"data": {"note": "about", "photo": "x/a.png"}}) == ["x/a.png"]
