"""`seglet world sheet`: scenes to look at."""

import pytest
from PIL import Image

from seglet.cli.world_sheet import _SETTINGS, _TITLE_HEIGHT
from seglet.data.overlay import SHEET_GAP
from seglet.data.world.options import open_world

ROW = 16 + SHEET_GAP


def test_a_world_shows_images_masks_depth_and_dark_images(seglet, tmp_path):
    words = ("--data", "world:clutter=0", "--out", tmp_path / "a.png", "--scenes", 3, "--height", 16)
    assert seglet("world", "sheet", *words).code == 0
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.size == (3 * ROW + SHEET_GAP, _TITLE_HEIGHT + SHEET_GAP + 4 * ROW)


def test_without_a_world_each_option_has_a_row_of_its_own(seglet, tmp_path):
    assert seglet("world", "sheet", "--out", tmp_path / "a.jpg", "--scenes", 1, "--height", 16).code == 0
    with Image.open(tmp_path / "a.jpg") as sheet:
        assert sheet.height == _TITLE_HEIGHT + SHEET_GAP + 4 * ROW + len(_SETTINGS) * (_TITLE_HEIGHT + SHEET_GAP + ROW)


@pytest.mark.parametrize("options", _SETTINGS)
def test_a_changed_option_shows_other_scenes(options):
    turned, plain = (open_world(data, "train", scenes=20).fingerprint for data in (f"world:{options}", "world"))
    assert turned != plain


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "a.gif"), "neither .png nor .jpg"),
        (("--out", "a.png", "--data", "images"), "expects a world by name"),
        (("--out", "a.png", "--data", "world:cluter=3"), "did you mean 'clutter'"),
    ],
)
def test_sheets_that_cannot_be_drawn_are_refused(seglet, words, message):
    done = seglet("world", "sheet", *words)
    assert done.code == 2
    assert message in done.err
