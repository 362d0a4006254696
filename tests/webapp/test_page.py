"""Connections of the page's components, with a stand-in for Gradio."""

import contextlib
from types import SimpleNamespace

import pytest
from PIL import Image

from seglet.data.world.dataset import World
from seglet.models.segmenter import load
from seglet.webapp.controller import Controller
from seglet.webapp.page import build_page
from seglet.webapp.predictors import SegmenterPredictor


class Event:
    """Event of a component, which remembers what it is connected to."""

    def __init__(self, connected):
        self.connected = connected

    def __call__(self, action, inputs, outputs, **_):
        self.connected.append((action, inputs, outputs if isinstance(outputs, list) else [outputs]))


class Component:
    """Component with its first value."""

    def __init__(self, connected, *arguments, value=None, elem_id=None, **_):
        self.value = value if value is not None or not arguments else arguments[-1]
        self.id = elem_id
        for name in ("upload", "clear", "delete", "input", "submit", "click"):
            setattr(self, name, Event(connected))


def fake_gradio(connected):
    """Returns a module with the parts of Gradio that the page uses."""

    def component(*arguments, **options):
        return Component(connected, *arguments, **options)

    kinds = ("Markdown", "State", "File", "Dropdown", "Textbox", "Radio", "Slider", "HTML", "Button")
    places = ("Blocks", "Row", "Column", "Accordion")
    return SimpleNamespace(
        **dict.fromkeys(kinds, component),
        **{name: lambda *_, **__: contextlib.nullcontext() for name in places},
        update=lambda **changes: changes,
    )


@pytest.fixture(params=[1, 2])
def connected(request, model, tmp_path):
    """Action, inputs and outputs of every event of a page with one predictor or two."""
    found = []
    predictors = [SegmenterPredictor(f"p{number}", load(model), samples=0) for number in range(request.param)]
    build_page(fake_gradio(found), Controller(predictors, tmp_path / "downloads"))
    return found


def test_every_action_gives_a_value_for_each_of_its_outputs(connected, tmp_path):
    Image.fromarray(World("val", scenes=1, size=32).read(0).image).save(tmp_path / "a.png")
    upload = connected[0][0]
    visit = upload([str(tmp_path / "a.png")], "mask", "")[0]
    for action, inputs, outputs in connected[3:]:
        if action is None:  # runs in the browser
            continue
        values = {"seglet-image": 0, "seglet-layer": "mask", "seglet-tags": "", "seglet-stops": 2.0}
        result = action(*(values[each.id] if each.id else visit for each in inputs))
        assert (len(result) if isinstance(result, list) else 1) == len(outputs)


def test_an_upload_fills_the_picker_and_clears_what_was_darkened(connected, tmp_path):
    Image.fromarray(World("val", scenes=1, size=32).read(0).image).save(tmp_path / "a.png")
    action, _, outputs = connected[0]
    result = dict(zip([each.id for each in outputs], action([str(tmp_path / "a.png")], "mask", ""), strict=True))
    assert result["seglet-image"] == {"choices": [("a.png", 0)], "value": 0}
    assert (result["seglet-stops"], result["seglet-curve"], result["seglet-dark-0"]) == (0, "", "")
    assert "a.png" in result["seglet-overlay-0"]
