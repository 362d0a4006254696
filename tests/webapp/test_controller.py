"""Actions of the page without a page, and that no text in its HTML can become markup."""

import html.parser

import numpy as np
import pytest
from PIL import Image

from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build, load
from seglet.types import Classes
from seglet.webapp import controller as controllers
from seglet.webapp.controller import Controller, Visit
from seglet.webapp.predictors import SegmenterPredictor

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


class Tags(html.parser.HTMLParser):
    """Every element with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def files(tmp_path):
    paths = []
    for index in range(2):
        paths.append(tmp_path / f"scene{index}.png")
        Image.fromarray(World("val", scenes=2, size=40).read(index).image).save(paths[-1])
    return [str(path) for path in paths]


@pytest.fixture
def controller(model, tmp_path):
    return Controller([SegmenterPredictor("mine", load(model), samples=2)], tmp_path / "offered")


@pytest.fixture
def pair(controller, tmp_path):
    other = build(Architecture("deeplabv3-resnet18", width=0.125), WORLD_CLASSES, seed=1)
    return Controller(
        [*controller.predictors, SegmenterPredictor("other", other.eval(), samples=0)], tmp_path / "offered"
    )


def test_a_dropped_image_is_shown_under_its_mask_with_its_classes(controller, files):
    visit, message = controller.receive_files(files)
    shown = controller.show_image(visit, 1, "mask", "")
    assert message == ""
    assert shown.layers == ["mask", "confidence", "uncertainty"]
    assert "mine: scene1.png" in shown.overlays[0]
    assert shown.overlays[0].count("<img") == 2
    assert "%" in shown.tables[0]


def test_each_layer_is_another_image(controller, files):
    visit, _ = controller.receive_files(files)
    overlays = {
        controller.show_image(visit, 0, layer, "").overlays[0] for layer in ("mask", "confidence", "uncertainty")
    }
    assert len(overlays) == 3


def test_two_networks_stand_side_by_side(pair, files):
    visit, _ = pair.receive_files(files)
    shown = pair.show_image(visit, 0, "mask", "")
    assert "other: scene0.png" in shown.overlays[1]
    assert "The two agree on" in shown.message
    assert "no uncertainty" in shown.tables[1]


def test_less_light_means_less_agreement(pair, files):
    visit, _ = pair.receive_files(files)
    lit, dark = (pair.darken_image(visit, 0, stops, "") for stops in (0, 8))
    assert "100.0 % of the pixels as at full light" in lit[0]
    assert "100.0 % of the pixels as at full light" not in dark[0]
    curve = pair.draw_darkness_curve(visit, 0, "")
    assert curve.count("<polyline") == 2
    assert "mine" in curve


def test_files_are_of_all_images(controller, files):
    offered, message = controller.make_downloads(controller.receive_files(files)[0], "")
    assert message == ""
    assert [file.rpartition("/")[2] for file in offered] == ["masks.zip", "coco.json", "labelme.zip"]


def test_without_an_image_everything_waits(controller):
    visit = Visit()
    assert controller.show_image(visit, 0, "mask", "").overlays == [""]
    assert controller.darken_image(visit, 0, 3, "") == [""]
    assert "drop an image first" in controller.draw_darkness_curve(visit, 0, "")
    assert "drop an image first" in controller.make_downloads(visit, "")[1]


def test_predictions_are_kept_but_not_for_ever(controller, files, monkeypatch):
    monkeypatch.setattr(controllers, "_MOST_PREDICTIONS", 1)
    visit, _ = controller.receive_files(files)
    first = controller.predict(visit, 0, 0, "")
    assert controller.predict(visit, 0, 0, "") is first
    controller.predict(visit, 0, 1, "")
    assert len(visit.predictions) == 1


def test_names_of_files_classes_and_models_are_harmless(tmp_path, model):
    names = Classes((HOSTILE, *WORLD_CLASSES.names[1:]), WORLD_CLASSES.colours)
    network = load(model)
    network.classes = names
    controller = Controller([SegmenterPredictor(HOSTILE, network, samples=2)], tmp_path)
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "<script>alert(1)<.png", "PNG")
    (tmp_path / "<img src=x onerror=alert(3)>.png").write_text("none")
    visit, message = controller.receive_files([str(file) for file in tmp_path.glob("*.png")])
    shown = controller.show_image(visit, 0, "mask", "")
    page = "".join(
        [
            message,
            *shown.overlays,
            *shown.tables,
            *controller.darken_image(visit, 0, 1, ""),
            controller.draw_darkness_curve(visit, 0, ""),
        ]
    )
    found = Tags(page).found
    assert "alert(3)" in message
    assert "script" not in {tag for tag, _ in found}
    assert not [name for _, attributes in found for name in attributes if name.startswith("on")]
    assert {attributes["src"][:11] for tag, attributes in found if tag == "img"} == {"data:image/"}
