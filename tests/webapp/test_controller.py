"""What the page does, without a page: dropped, picked, typed, darkened, taken home; and that nothing in it can run."""

import html.parser

import numpy as np
import pytest
from PIL import Image

from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build, load
from seglet.types import Classes
from seglet.webapp import controller as desks
from seglet.webapp.answers import Network
from seglet.webapp.controller import Desk, Visit

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
def desk(model, tmp_path):
    return Desk([Network("mine", load(model), samples=2)], tmp_path / "offered")


@pytest.fixture
def pair(desk, tmp_path):
    other = build(Architecture("deeplabv3-resnet18", width=0.125), WORLD_CLASSES, seed=1)
    return Desk([*desk.viewers, Network("other", other.eval(), samples=0)], tmp_path / "offered")


def test_a_dropped_image_is_shown_under_its_mask_with_its_classes(desk, files):
    visit, told = desk.arrive(files)
    shown = desk.show(visit, 1, "mask", "")
    assert told == ""
    assert shown.layers == ["mask", "confidence", "uncertainty"]
    assert "mine: scene1.png" in shown.looks[0]
    assert shown.looks[0].count("<img") == 2
    assert "%" in shown.tables[0]


def test_each_layer_is_another_image(desk, files):
    visit, _ = desk.arrive(files)
    looks = {desk.show(visit, 0, layer, "").looks[0] for layer in ("mask", "confidence", "uncertainty")}
    assert len(looks) == 3


def test_two_networks_stand_side_by_side(pair, files):
    visit, _ = pair.arrive(files)
    shown = pair.show(visit, 0, "mask", "")
    assert "other: scene0.png" in shown.looks[1]
    assert "The two agree on" in shown.remark
    assert "no uncertainty" in shown.tables[1]


def test_less_light_leaves_less_of_the_answer(pair, files):
    visit, _ = pair.arrive(files)
    lit, dark = (pair.dark(visit, 0, stops, "") for stops in (0, 8))
    assert "100.0 % of the pixels as in the light" in lit[0]
    assert "100.0 % of the pixels as in the light" not in dark[0]
    curve = pair.fade(visit, 0, "")
    assert curve.count("<polyline") == 2
    assert "mine" in curve


def test_files_are_of_all_images(desk, files):
    offered, told = desk.offer(desk.arrive(files)[0], "")
    assert told == ""
    assert [file.rpartition("/")[2] for file in offered] == ["masks.zip", "coco.json", "labelme.zip"]


def test_without_a_image_everything_waits(desk):
    visit = Visit()
    assert desk.show(visit, 0, "mask", "").looks == [""]
    assert desk.dark(visit, 0, 3, "") == [""]
    assert "drop an image first" in desk.fade(visit, 0, "")
    assert "drop an image first" in desk.offer(visit, "")[1]


def test_answers_are_remembered_but_not_for_ever(desk, files, monkeypatch):
    monkeypatch.setattr(desks, "KEPT", 1)
    visit, _ = desk.arrive(files)
    first = desk.answer(visit, 0, 0, "")
    assert desk.answer(visit, 0, 0, "") is first
    desk.answer(visit, 0, 1, "")
    assert len(visit.answers) == 1


def test_names_of_files_classes_and_models_are_harmless(tmp_path, model):
    names = Classes((HOSTILE, *WORLD_CLASSES.names[1:]), WORLD_CLASSES.colours)
    network = load(model)
    network.classes = names
    desk = Desk([Network(HOSTILE, network, samples=2)], tmp_path)
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "<script>alert(1)<.png", "PNG")
    (tmp_path / "<img src=x onerror=alert(3)>.png").write_text("none")
    visit, told = desk.arrive([str(file) for file in tmp_path.glob("*.png")])
    shown = desk.show(visit, 0, "mask", "")
    page = "".join([told, *shown.looks, *shown.tables, *desk.dark(visit, 0, 1, ""), desk.fade(visit, 0, "")])
    found = Tags(page).found
    assert "alert(3)" in told
    assert "script" not in {tag for tag, _ in found}
    assert not [name for _, attributes in found for name in attributes if name.startswith("on")]
    assert {attributes["src"][:11] for tag, attributes in found if tag == "img"} == {"data:image/"}
