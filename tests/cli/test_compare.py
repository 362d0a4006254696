"""`seglet compare`."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.data.disk import text

from seglet.data.enhance.gamma import correct_gamma
from seglet.data.overlay import colour_labels
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.models.architecture import DepthGuidance
from seglet.models.segmenter import Architecture, build, load
from seglet.types import Classes

SIDE = 64


@pytest.fixture
def dark(tmp_path: Path) -> Path:
    """Five scenes at night; nobody says what is in them."""
    world = World("val", scenes=5, size=SIDE, dark=True)
    (tmp_path / "dark").mkdir()
    for index in range(5):
        Image.fromarray(world.read(index).image).save(tmp_path / "dark" / f"{index}.png")
    return tmp_path / "dark"


@pytest.fixture(scope="module")
def night(tmp_path_factory) -> Path:
    """A student that is message depth."""
    folder = tmp_path_factory.mktemp("night") / "night"
    build(Architecture("ssss-resnet18", width=0.125, depth=DepthGuidance(source="tiny-depth")), WORLD_CLASSES).save(
        folder
    )
    return folder


def cell(sheet: Path, row: int, column: int) -> np.ndarray:
    with Image.open(sheet) as drawn:
        top, left = 4 + row * (SIDE + 4), 4 + column * (SIDE + 4)
        return np.array(drawn)[top : top + SIDE, left : left + SIDE]


def test_before_and_after_stand_below_images_without_masks(model, night, dark, tmp_path, seglet):
    out = tmp_path / "sheet.png"
    done = seglet(
        "compare", model, night, "--images", dark, "--height", SIDE, "--show-brightened", "gamma", "--out", out
    )
    assert done.code == 0, done.err
    assert f"rows: image, image, brightened, {model}, {night}" in done.out
    image = np.array(Image.open(dark / "3.png"))
    np.testing.assert_array_equal(cell(out, 0, 3), image)
    np.testing.assert_array_equal(cell(out, 1, 3), correct_gamma(image))
    np.testing.assert_array_equal(cell(out, 2, 3), colour_labels(load(model).predict(image).labels, WORLD_CLASSES))
    seen = np.unique(cell(out, 3, 3).reshape(-1, 3), axis=0)
    assert {tuple(colour) for colour in seen.tolist()} <= set(WORLD_CLASSES.colours)


def test_a_segmenter_may_have_inference_options_of_its_own(model, dark, tmp_path, seglet):
    out = tmp_path / "sheet.png"
    words = ("compare", model, f"{model} --brighten gamma", "--images", dark, "--height", SIDE, "--out", out)
    assert seglet(*words).code == 0
    brightened = correct_gamma(np.array(Image.open(dark / "0.png")))
    np.testing.assert_array_equal(cell(out, 2, 0), colour_labels(load(model).predict(brightened).labels, WORLD_CLASSES))


def test_more_images_than_fit_go_on_below_and_are_spread_over_all(model, dark, tmp_path, seglet):
    out = tmp_path / "sheet.png"
    small = ("--most", 4, "--columns", 2, "--height", SIDE)
    content = json.loads(seglet("compare", model, "--images", dark, *small, "--out", out, "--json").out)
    assert [Path(name).stem for name in content["images"]] == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(cell(out, 2, 1), np.array(Image.open(dark / "3.png")))


def test_an_image_that_cannot_be_read_is_reported_and_skipped(model, dark, tmp_path, seglet):
    text(dark / "broken.png", "no image")
    done = seglet("compare", model, "--images", dark, "--out", tmp_path / "sheet.png")
    assert done.code == 2
    assert "5 images are in" in done.out
    assert "broken.png" in done.out


def test_segmenters_that_cannot_be_compared_are_refused(model, dark, tmp_path, seglet):
    other = Classes(("background", "cat"), ((0, 0, 0), (1, 1, 1)))
    build(Architecture("deeplabv3-resnet18", width=0.125), other).save(tmp_path / "other")
    rest = ("--images", dark, "--out", tmp_path / "sheet.png")
    assert (
        f"{model} and {tmp_path / 'other'} cannot be compared"
        in seglet("compare", model, tmp_path / "other", *rest).err
    )
    assert "unknown option '--britten'" in seglet("compare", f"{model} --britten gamma", *rest).err
    assert (
        "expected --out to end in .png" in seglet("compare", model, "--images", dark, "--out", tmp_path / "s.jpg").err
    )
