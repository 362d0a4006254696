"""`seglet report` in a real browser: its policy is kept, and mouse and keyboard do what they should."""

import pytest
from tests.webapp.conftest import until

from seglet.cli.main import main

pytestmark = pytest.mark.slow
ENTER, RIGHT = "\ue007", "\ue014"


@pytest.fixture(scope="module")
def report(browser, model, tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    assert main(["report", str(model), "--data", "world:scenes=6,size=40", "--out", str(file)]) == 0
    return file


@pytest.fixture
def page(browser, report):
    browser.complaints(), browser.asked()
    browser.driver.get(report.as_uri())
    return browser


def layers(page):
    """Which layers can be seen now."""
    seen = [layer.get_attribute("data-layer") for layer in page.all(".layer") if layer.is_displayed()]
    return {
        layer
        for layer in seen
        if page.one(f".layer[data-layer={layer}]").value_of_css_property("visibility") == "visible"
    }


def test_it_asks_for_nothing_and_breaks_no_policy(page):
    assert page.asked() <= {"file://", "data:"}
    assert page.complaints() == []
    assert page.driver.get_log("browser") == []


def test_layers_are_chosen_with_a_click_and_with_keys(page):
    page.one("input[name=layer][value=truth]").click()
    assert layers(page) == {"truth"}
    page.one("input[name=layer][value=truth]").send_keys(RIGHT)
    assert layers(page) == {page.one("input[name=layer]:checked").get_attribute("value")} != {"truth"}


def test_opacity_follows_the_keys(page):
    page.one("input[name=layer][value=prediction]").click()
    page.one("#opacity").send_keys(RIGHT * 10)
    shade = float(page.one(".layer.on").value_of_css_property("opacity"))
    assert shade == pytest.approx(int(page.one("#opacity").get_attribute("value")) / 100)
    assert shade != 0.6


@pytest.mark.parametrize("press", [lambda button: button.click(), lambda button: button.send_keys(ENTER)])
def test_a_cell_of_the_confusion_matrix_shows_its_images(press, page):
    button = page.one(".matrix button[data-show]")
    wanted = set(button.get_attribute("data-show").split())
    press(button)
    until(lambda: page.driver.switch_to.active_element.get_attribute("id") == "images-title")
    shown = {one.get_attribute("data-index") for one in page.all("figure[data-index]") if one.is_displayed()}
    assert shown <= wanted
    assert shown
