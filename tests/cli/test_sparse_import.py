"""`seglet data import --sparse`: points, lines and boxes become masks that are void elsewhere."""

import json

import numpy as np
import pytest
from PIL import Image

from seglet.images import read_mask

HEADER = "image,label,shape,points"


@pytest.fixture
def imported(tmp_path, seglet):
    """Function that imports rows of a CSV about a.png (8 columns, 6 rows); it returns the report and the mask."""

    def run(*rows, options=("--sparse",), names="background crack"):
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(tmp_path / "images/a.png")
        (tmp_path / "names.txt").write_text("\n".join(names.split()))
        (tmp_path / "shapes.csv").write_text("\n".join([HEADER, *rows]))
        words = ("data", "import", tmp_path / "shapes.csv", "--images", tmp_path / "images", "--json", *options)
        done = seglet(*words, "--classes", tmp_path / "names.txt", "--out", tmp_path / "out")
        mask = tmp_path / "out/masks/a.png"
        return json.loads(done.out), read_mask(mask) if mask.exists() else None

    return run


def test_a_point_becomes_a_disc_and_the_rest_is_void(imported):
    report, mask = imported("a.png,crack,point,3.5 2.5", options=("--sparse", "--radius", "1"))
    assert np.argwhere(mask == 1).tolist() == [[1, 3], [2, 2], [2, 3], [2, 4], [3, 3]]
    assert (mask == 255).sum() == 48 - 5
    assert report["sparse"] == {"point as discs of radius 1": 1}
    assert report["passed_over"] == {}


def test_a_line_has_a_width(imported):
    _, mask = imported("a.png,crack,line,1 3 5 3", options=("--sparse", "--width", "2"))
    assert np.argwhere(mask == 1).tolist() == [[row, column] for row in (2, 3) for column in range(6)]  # round ends


def test_a_box_is_void_inside_with_a_core_and_background_outside(imported):
    report, mask = imported("a.png,crack,box,1 1 5 5", options=("--sparse", "--core", "0.25"))
    assert mask[:, 1:5].tolist()[1:5] == [[255] * 4, [255, 1, 1, 255], [255, 1, 1, 255], [255] * 4]
    assert ((mask == 0).sum(), (mask == 1).sum()) == (48 - 16, 4)
    assert report["remarks"] == {"image with boxes, background outside of them": 1}


def test_a_point_of_an_object_outside_all_boxes_makes_the_rest_void(imported):
    report, mask = imported("a.png,crack,box,0 0 2 2", "a.png,crack,point,6.5 4.5")
    assert (mask == 0).sum() == 0
    assert "image with points or lines outside its boxes, void there" in report["remarks"]


def test_a_point_of_the_background_leaves_the_boxes_complete(imported):
    _, mask = imported("a.png,crack,box,0 0 2 2", "a.png,background,point,6.5 4.5", options=("--sparse", "--core", "0"))
    assert ((mask == 0).sum(), (mask == 255).sum()) == (44, 4)


def test_what_two_classes_claim_is_void(imported):
    rows = ("a.png,crack,point,2.5 2.5", "a.png,background,point,3.5 2.5")
    _, mask = imported(*rows, options=("--sparse", "--radius", "1"))
    assert mask[2].tolist() == [255, 1, 255, 255, 0, 255, 255, 255]


def test_an_image_of_whole_regions_is_background_elsewhere(imported):
    report, mask = imported("a.png,crack,polygon,1 1 3 1 3 3 1 3")
    assert ((mask == 1).sum(), (mask == 0).sum(), report["regions"]) == (4, 44, 1)


def test_the_rest_may_be_said_to_be_background(imported):
    _, mask = imported("a.png,crack,line,1 3 5 3", options=("--sparse", "--unlabelled", "background"))
    assert set(np.unique(mask)) == {0, 1}


def test_classes_without_a_pixel_are_named(imported):
    report, _ = imported("a.png,crack,point,1 1")
    assert "class 'background' without a pixel, which cannot be learned" in report["remarks"]


def test_without_the_option_such_images_are_refused_with_what_to_do(imported):
    report, mask = imported("a.png,crack,point,1 1", options=())
    assert mask is None
    assert "--sparse makes void-else masks" in report["failed"][0]["reason"]


def test_a_point_outside_the_image_is_told(imported):
    report, mask = imported("a.png,crack,point,40 40", "a.png,crack,point,1 1")
    assert report["passed_over"] == {"point that covers no pixel": 1}
    assert mask is not None


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("a.png,crack,star,1 1", "row 2 is a 'star'"),
        ("a.png,,point,1 1", "row 2 has no label"),
        ("a.png,crack,box,1 1 2", "row 2 has 3 numbers for a box"),
        ("a.png,crack,point,1 x", "a corner in row 2 is 'x'"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(imported, row, what):
    report, _ = imported(row)
    assert what in report["failed"][0]["reason"]
