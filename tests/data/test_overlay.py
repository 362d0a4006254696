import numpy as np
import pytest

from seglet.data.errors import DataError
from seglet.data.overlay import class_legend, colour_labels, contact_sheet, tag_card
from seglet.images import overlay_labels
from seglet.types import IGNORE, Classes

CLASSES = Classes(("road", "图"), ((200, 0, 0), (0, 0, 200)))
LABELS = np.array([[0, 1, IGNORE]], np.uint8)


def test_labels_shine_through_and_void_does_not():
    image = np.full((1, 3, 3), 100, np.uint8)
    assert overlay_labels(image, LABELS, CLASSES, opacity=0.5).tolist() == [
        [[150, 50, 50], [50, 50, 150], [100, 100, 100]]
    ]


def test_void_is_white():
    assert colour_labels(LABELS, CLASSES).tolist() == [[[200, 0, 0], [0, 0, 200], [255, 255, 255]]]


@pytest.mark.usefixtures("unchecked")
def test_labels_of_another_size_are_refused():
    with pytest.raises(DataError, match="one size"):
        overlay_labels(np.zeros((2, 3, 3), np.uint8), LABELS, CLASSES)


def test_the_legend_shows_every_colour():
    shown = {colour for _, colour in class_legend(CLASSES).getcolors(1 << 20)}
    assert {(200, 0, 0), (0, 0, 200)} <= shown


def test_a_narrow_legend_has_more_rows():
    many = Classes(tuple(f"class {n}" for n in range(30)), ((0, 0, 0),) * 30)
    assert class_legend(many, 100).height > class_legend(many, 1000).height


def test_a_sheet_holds_its_rows_and_footer():
    tall, wide = np.zeros((20, 10, 3), np.uint8), np.zeros((10, 20, 3), np.uint8)
    sheet = contact_sheet([[tall, wide], [wide]], height=10, footer=class_legend(CLASSES, 50))
    assert sheet.size == (
        max(4 + 5 + 4 + 20 + 4, class_legend(CLASSES, 50).width),
        4 + 2 * 14 + class_legend(CLASSES, 50).height,
    )


@pytest.mark.parametrize("size", [(1, 1), (4, 8000), (6000, 3)])
def test_images_of_any_shape_fit_on_a_sheet(size):
    assert contact_sheet([[np.zeros((*size, 3), np.uint8)]], height=10).height == 18


def test_an_empty_sheet_is_refused():
    with pytest.raises(DataError, match="at least one"):
        contact_sheet([[]])


def test_long_names_do_not_widen_the_legend():
    named = Classes(tuple(f"class {label} or any of its many synonyms" for label in range(150)), ((0, 0, 0),) * 150)
    assert class_legend(named).height < 1000


def test_a_card_names_the_tags_beside_their_colours():
    shown = tag_card((0, 1), CLASSES)
    assert {tuple(colour) for colour in shown.reshape(-1, 3)} >= set(CLASSES.colours)
    assert (tag_card((), CLASSES) != 255).any()
