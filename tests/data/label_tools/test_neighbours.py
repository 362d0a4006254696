"""Supervisely's and Datumaro's JSON, in the forms that their documentation gives."""

import base64
import io
import json
import zlib

import numpy as np
import pytest
from PIL import Image

from seglet.cli.main import main
from seglet.data.errors import DataError
from seglet.data.label_tools.formats import read_annotations
from seglet.images import read_mask

SQUARE = [[0, 0], [4, 0], [4, 4], [0, 4]]
HOLE = [[1, 1], [3, 1], [3, 3], [1, 3]]


def bitmap(inside):
    buffer = io.BytesIO()
    Image.fromarray(np.array(inside, np.uint8) * 255).save(buffer, "PNG")
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()


def supervisely(tmp_path, *objects, tags=()):
    file = tmp_path / "project" / "set1" / "ann" / "a.jpg.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    meta = {"classes": [{"title": "road", "shape": "polygon"}, {"title": "pole", "shape": "bitmap"}]}
    (tmp_path / "project" / "meta.json").write_text(json.dumps(meta))
    content = {"description": "", "tags": list(tags), "size": {"height": 4, "width": 4}, "objects": list(objects)}
    file.write_text(json.dumps(content))
    return tmp_path / "project"


def shape(kind, name, outside=(), holes=()):
    return {"classTitle": name, "geometryType": kind, "points": {"exterior": list(outside), "interior": list(holes)}}


def decoded(source):
    tool, found = read_annotations(source)
    return tool, found, next(iter(found.images()))


def test_supervisely_polygons_have_holes_and_bitmaps_a_place(tmp_path):
    drawn = {"classTitle": "pole", "geometryType": "bitmap", "bitmap": {"data": bitmap([[1, 0]]), "origin": [2, 3]}}
    tool, found, image = decoded(supervisely(tmp_path, shape("polygon", "road", SQUARE, [HOLE]), drawn))
    assert (tool, found.names, found.entries[0].file) == ("supervisely", ("road", "pole"), "set1/a.jpg")
    road, pole = image.regions
    assert road.inside.sum() == 12
    assert not road.inside[1:3, 1:3].any()
    assert np.argwhere(pole.inside).tolist() == [[3, 2]]


def test_supervisely_lines_and_points_are_sparse_and_tags_are_told(tmp_path):
    source = supervisely(
        tmp_path, shape("line", "road", [[0, 0], [3, 3]]), shape("graph", "road"), tags=[{"name": "night"}]
    )
    _, _, image = decoded(source)
    assert image.passed_over == {"line": 1, "graph": 1}
    assert image.sparse[0].form == "line"
    assert image.remarks == {"tag 'night' of the image": 1}


@pytest.mark.parametrize(("data", "origin"), [("!", [0, 0]), (bitmap([[1]]), [4, 0]), (bitmap([[1]]), [-1, 0])])
def test_a_bitmap_that_does_not_fit_is_an_error(tmp_path, data, origin):
    drawn = {"classTitle": "pole", "geometryType": "bitmap", "bitmap": {"data": data, "origin": origin}}
    with pytest.raises(DataError, match=r"a bitmap (is no packed PNG|of \(1, 1\) at)"):
        decoded(supervisely(tmp_path, drawn))


def datumaro(tmp_path, *annotations):
    item = {"id": "s/a", "annotations": list(annotations), "image": {"path": "s/a.png", "size": [4, 4]}}
    labels = {"label": {"labels": [{"name": "road"}, {"name": "pole"}]}}
    file = tmp_path / "annotations" / "train.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"info": {}, "categories": labels, "items": [item]}))
    return tmp_path


def test_datumaro_shapes_lie_in_the_order_of_z(tmp_path):
    above = {"type": "polygon", "label_id": 1, "points": [0, 0, 2, 0, 2, 4, 0, 4], "z_order": 1}
    below = {"type": "mask", "label_id": 0, "rle": {"counts": [0, 16], "size": [4, 4]}, "z_order": 0}
    tool, found, image = decoded(datumaro(tmp_path, above, below))
    assert (tool, found.names, found.entries[0].file) == ("datumaro", ("road", "pole"), "s/a.png")
    assert [(region.name, int(region.inside.sum())) for region in image.regions] == [("road", 16), ("pole", 8)]


def test_datumaro_boxes_are_sparse_and_what_has_no_label_is_counted(tmp_path):
    rows = [
        {"type": "bbox", "label_id": 0, "bbox": [1, 1, 2, 2]},
        {"type": "polygon", "label_id": 9},
        {"type": "caption"},
    ]
    _, _, image = decoded(datumaro(tmp_path, *rows))
    assert image.passed_over == {"bbox": 1, "polygon without a label": 1}
    assert image.sparse[0].corners.tolist() == [[1, 1], [3, 1], [3, 3], [1, 3]]
    assert image.remarks == {"caption of the whole image": 1}


def test_the_command_makes_masks_of_a_project(tmp_path):
    source = supervisely(tmp_path, shape("rectangle", "pole", [[0, 0], [2, 4]]))
    (source / "set1" / "img").mkdir()
    Image.new("RGB", (4, 4)).save(source / "set1" / "img" / "a.jpg")
    assert main(["data", "import", str(source), "--images", str(source), "--out", str(tmp_path / "out")]) == 0
    (mask,) = (tmp_path / "out" / "masks").rglob("*.png")
    assert sorted(np.unique(read_mask(mask)).tolist()) == [0, 2]  # background, road, pole
