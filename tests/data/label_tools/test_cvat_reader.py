"""Shapes of CVAT: turned boxes, ellipses, tracks of a video, and what covers no pixel."""

import tracemalloc

import numpy as np
import pytest

from seglet.data.errors import DataError
from seglet.data.label_tools.cvat_reader import read_cvat

HEAD = "<annotations><meta><task><labels><label><name>crack</name></label></labels></task></meta>"


def only(tmp_path, shapes, size='width="7" height="6"'):
    file = tmp_path / "annotations.xml"
    file.write_text(f'{HEAD}<image id="0" name="a.png" {size}>{shapes}</image></annotations>')
    found = read_cvat(file)
    return found.image(found.entries[0])


def pixels(region):
    rows, columns = np.nonzero(region.inside)
    return len(rows), columns.min(), columns.max(), rows.min(), rows.max()


def test_a_box_is_turned_about_its_middle(tmp_path):
    box = '<box label="crack" xtl="1" ytl="2" xbr="5" ybr="4" rotation="{}"/>'
    assert pixels(only(tmp_path, box.format(0)).regions[0]) == (8, 1, 4, 2, 3)
    assert pixels(only(tmp_path, box.format("90.00")).regions[0]) == (8, 2, 3, 1, 4)
    square = '<box label="crack" xtl="1" ytl="1" xbr="5" ybr="5" rotation="45"/>'
    assert pixels(only(tmp_path, square).regions[0])[0] == 12  # |x| + |y| < 2.83 at halves: 3 in each quarter


def test_turning_is_clockwise_on_the_screen(tmp_path):
    box = '<box label="crack" xtl="0" ytl="2.5" xbr="6" ybr="3.5" rotation="45"/>'
    inside = only(tmp_path, box).regions[0].inside
    assert inside[1, 1]
    assert not inside[4, 1]


def test_an_ellipse_covers_the_centres_inside_it(tmp_path):
    ellipse = '<ellipse label="crack" cx="3" cy="3" rx="2" ry="1" rotation="{}"/>'
    assert pixels(only(tmp_path, ellipse.format(0)).regions[0]) == (
        8,
        1,
        4,
        2,
        3,
    )  # x²/4 < 0.75
    assert pixels(only(tmp_path, ellipse.format(90)).regions[0]) == (8, 2, 3, 1, 4)


def test_what_covers_no_pixel_is_counted_by_kind(tmp_path):
    image = only(
        tmp_path,
        '<cuboid label="crack" xtl1="1"/><polyline label="crack" points="0,0;3,3"/><points label="crack" points="1,1"/>'
        '<points label="crack" points="2,1"/><skeleton label="crack"><points label="knee" points="1,2"/></skeleton>'
        '<polygon label="crack" points="0,0;3,3"/><box label="crack" xtl="9" ytl="9" xbr="12" ybr="12"/>'
        '<tag label="crack"/>',
    )
    assert image.regions == ()
    assert image.passed_over == {
        "cuboid": 1,
        "polyline": 1,
        "points": 2,
        "skeleton": 1,
        "polygon of fewer than 3 corners": 1,
        "box that covers no pixel": 1,
    }
    assert image.remarks == {"tag of the whole image": 1}


def test_points_of_a_skeleton_are_no_classes(tmp_path):
    labels = "<label><name>person</name></label><label><name>knee</name><parent>person</parent></label>"
    (tmp_path / "a.xml").write_text(f"<annotations><meta><labels>{labels}</labels></meta></annotations>")
    assert read_cvat(tmp_path / "a.xml").names == ("person",)


def test_names_come_from_shapes_where_no_labels_are_listed_even_if_one_cannot_be_drawn(tmp_path):
    shapes = '<box label="b"/><polygon label="a"/>'
    (tmp_path / "a.xml").write_text(f'<annotations><image name="a.png">{shapes}</image></annotations>')
    assert read_cvat(tmp_path / "a.xml").names == ("a", "b")


def test_a_mark_and_utf_16_are_read(tmp_path):
    text = f'<?xml version="1.0" encoding="utf-16"?>{HEAD}<image name="é.png"/></annotations>'
    (tmp_path / "a.xml").write_bytes(text.encode("utf-16"))
    assert read_cvat(tmp_path / "a.xml").entries[0].file == "é.png"


def test_the_size_comes_from_the_image_where_it_is_not_stated(tmp_path):
    box = '<box label="crack" xtl="0" ytl="0" xbr="1" ybr="1"/>'
    with pytest.raises(DataError, match=r"size is stated nowhere; .*--images"):
        only(tmp_path, box, "")
    found = read_cvat(tmp_path / "annotations.xml")
    assert found.image(found.entries[0], (3, 2)).regions[0].inside.tolist() == [[1, 0], [0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("shape", "words"),
    [('<box label="crack" xtl="1" ytl="1" xbr="2"/>', "the box has no `ybr`"),
     ('<box xtl="1"/>', "the box has no `label`"),
     ('<box label="crack" xtl="1" ytl="b" xbr="2" ybr="2"/>', "`ytl` of the box is 'b'; a number was expected"),
     ('<polygon label="crack" points="1,2;3;4,5"/>', "no list of x,y"), ('<polygon label="crack"/>', "no `points`"),
     ('<mask label="crack" rle="1, x" left="0" top="0" width="1" height="2"/>', "`rle` of a mask is ' x'"),
     ('<ellipse label="crack" cx="1" cy="1" rx="1"/>', "the ellipse has no `ry`")],
)  # fmt: skip
def test_a_broken_shape_is_told_in_words(tmp_path, shape, words):
    with pytest.raises(DataError, match=r"a\.png") as caught:
        only(tmp_path, shape)
    assert words in str(caught.value)


def test_the_frames_of_a_video_are_images(tmp_path):
    box = '<box frame="{}" outside="{}" xtl="0" ytl="0" xbr="{}" ybr="1"/>'
    first = box.format(0, 0, 1) + box.format(1, 0, 2) + box.format(2, 1, 2)
    second = box.format(0, 0, 3) + box.format(2, 0, 3)
    (tmp_path / "a.xml").write_text(
        f'{HEAD}<original_size><width>4</width><height>2</height></original_size><track id="0" label="crack">{first}'
        f'</track><track id="1" label="crack">{second}</track></annotations>'
    )
    images = {image.file: image for image in read_cvat(tmp_path / "a.xml").images()}
    assert list(images) == ["frame_000000", "frame_000001", "frame_000002"]
    assert [int(region.inside.sum()) for region in images["frame_000000"].regions] == [1, 3]
    assert [int(region.inside.sum()) for region in images["frame_000001"].regions] == [2]
    assert images["frame_000001"].passed_over == {"video track between two of its frames": 1}
    assert [int(region.inside.sum()) for region in images["frame_000002"].regions] == [3]


def test_what_else_a_track_holds_is_counted_as_such(tmp_path):
    points = '<points frame="3" outside="0" points="1,1"/>'
    (tmp_path / "a.xml").write_text(f'{HEAD}<track label="crack">{points}</track></annotations>')
    found = read_cvat(tmp_path / "a.xml")
    assert found.image(found.entries[0], (2, 2)).passed_over == {"points of a video track": 1}


def test_the_xml_of_voc_is_named(tmp_path):
    (tmp_path / "a.xml").write_text("<annotation><object/></annotation>")
    with pytest.raises(DataError, match="VOC"):
        read_cvat(tmp_path / "a.xml")


def test_many_regions_as_large_as_a_large_image_take_little_memory(tmp_path):
    boxes = '<box label="crack" xtl="0" ytl="0" xbr="1000" ybr="999"/>' * 20
    tracemalloc.start()
    image = only(tmp_path, boxes, 'width="1000" height="1000"')
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(image.regions) == 20
    assert kept < 2_000_000  # 20 million as arrays
