"""`seglet app` in a real browser: dropped, clicked, taken home, attacked, ended."""

import json
import struct
import urllib.error
import urllib.request
import zlib
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from tests.webapp.conftest import until
from tests.webapp.test_open_vocabulary import CLIP

from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.files import write_json
from seglet.images import read_image, read_mask
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build, load
from seglet.types import Classes

pytestmark = pytest.mark.slow
HOSTILE = "${document.title='owned'}{{constructor}}<img src=x onerror=\"document.title='owned'\">"

CONFIG = "const done = arguments[0]; fetch('config').then((answer) => answer.text()).then(done)"
FORGED = """
const [path, done] = arguments;
(async () => {
  const file = {path, orig_name: 'scene.png', meta: {_type: 'gradio.FileData'}};
  const asked = {data: [[file], 'mask', ''], fn_index: 0, session_hash: 'forged'};
  const options = {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(asked)};
  await fetch('gradio_api/queue/join', options);
  const stream = (await fetch('gradio_api/queue/data?session_hash=forged')).body.getReader();
  for (let text = ''; ;) {
    const part = await stream.read();
    text += new TextDecoder().decode(part.value || new Uint8Array());
    if (part.done || text.includes('process_completed')) return done(text);
  }
})().catch((error) => done(String(error)));
"""
"""Asks for what a dropped image is asked with, of a file that was never dropped."""


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    """One whose first class wants to run script."""
    folder = tmp_path_factory.mktemp("model") / "hostile"
    names = Classes((HOSTILE, *WORLD_CLASSES.names[1:]), WORLD_CLASSES.colours)
    build(Architecture("deeplabv3-resnet18", width=0.125), names).save(folder)
    return folder


@pytest.fixture(scope="module")
def served(serve, browser, segmenter):
    return serve(segmenter, "--samples", 2)


@pytest.fixture
def page(served, browser):
    """The page, open and empty."""
    browser.driver.get(served.opened)
    browser.one("#seglet-files input[type=file]")
    return browser


@pytest.fixture
def scene(tmp_path):
    Image.fromarray(World("val", scenes=1, size=40).read(0).image).save(tmp_path / "scene.png")
    return tmp_path / "scene.png"


def drop(page, *files):
    page.one("#seglet-files input[type=file]").send_keys("\n".join(map(str, files)))


def fetched(served, path, host=None):
    """Status of a plain request, with the cookie of one who opened the page."""
    cookie = f"seglet-app-{urlsplit(served.address).port}={served.token}"
    headers = {"Cookie": cookie, **({} if host is None else {"Host": host})}
    request = urllib.request.Request(served.address.rstrip("/") + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as done:
            return done.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_dropped_image_comes_back_under_its_mask(page, scene):
    page.complaints(), page.asked()
    drop(page, scene)
    assert page.one("#seglet-overlay-0 .layer").get_attribute("alt") == "mask"
    assert "hostile: scene.png" in page.text("#seglet-overlay-0")
    assert "%" in page.text("#seglet-table-0")
    assert page.complaints() == []


def test_no_request_leaves_the_machine(served, page, scene):
    page.asked()
    page.driver.get(served.opened)
    drop(page, scene)
    page.one("#seglet-overlay-0 .layer")
    asked = page.asked()
    assert served.address.rstrip("/") in asked
    assert asked <= {served.address.rstrip("/"), "data:", "blob:"}
    assert not served.asked_elsewhere()


def test_no_name_of_a_class_runs(page, scene):
    drop(page, scene)
    page.one("#seglet-table-0 table")
    assert HOSTILE in page.text("#seglet-table-0")
    assert page.all("#seglet-table-0 img") == []
    assert page.driver.title == "seglet"


def test_what_lies_over_the_image_is_chosen_with_a_click(page, scene):
    drop(page, scene)
    page.one("#seglet-overlay-0 .layer")
    for kind in ("uncertainty", "confidence", "mask"):
        page.one(f"#seglet-layer input[value={kind}]").click()
        until(lambda kind=kind: page.one("#seglet-overlay-0 .layer").get_attribute("alt") == kind)


def test_opacity_follows_the_keys(page, scene):
    drop(page, scene)
    layer = page.one("#seglet-overlay-0 .layer")
    assert layer.value_of_css_property("opacity") == "0.6"
    page.one("#seglet-opacity input[type=range]").send_keys("\ue012" * 10)  # arrow left
    until(lambda: page.one("#seglet-overlay-0 .layer").value_of_css_property("opacity") == "0.5")


def test_light_is_taken_away_and_the_agreement_is_shown(page, scene):
    drop(page, scene)
    page.one("#seglet-overlay-0 .layer")
    page.one("#seglet-stops input[type=range]").send_keys("\ue014" * 6)  # arrow right
    until(lambda: "3 stops less" in page.text("#seglet-dark-0"))
    assert "of the pixels as at full light" in page.text("#seglet-dark-0")
    page.one("#seglet-find-break").click()
    until(lambda: page.all("#seglet-curve polyline"))
    assert "stops" in page.text("#seglet-curve")


def test_masks_are_taken_home(page, scene, segmenter):
    drop(page, scene)
    page.one("#seglet-overlay-0 .layer")
    page.one("#seglet-make-files").click()
    until(lambda: len(page.all("#seglet-downloads a[download]")) == 3)
    for link in page.all("#seglet-downloads a[download]"):
        link.click()
    mask = page.downloaded("scene.png")
    np.testing.assert_array_equal(read_mask(mask), load(segmenter).predict(read_image(scene)).labels)
    assert json.loads(page.downloaded("coco.json").read_text())["images"][0]["file_name"] == "scene.png"
    assert json.loads(page.downloaded("scene-labelme.json").read_text())["imagePath"] == "scene.png"


def test_files_that_are_no_images_are_named_and_the_rest_is_shown(page, scene, tmp_path):
    (tmp_path / "page.png").write_text("<script>document.title = 'owned'</script>")
    Image.new("RGB", (20000, 3)).save(tmp_path / "line.png")
    content = bytearray(scene.read_bytes())
    content[16:24] = struct.pack(">II", 60000, 60000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "bomb.png").write_bytes(content)
    drop(page, tmp_path / "page.png", tmp_path / "line.png", tmp_path / "bomb.png", scene)
    page.one("#seglet-overlay-0 .layer")
    message = page.text("#seglet-message")
    assert "'page.png' is not a readable image" in message
    assert "'line.png' is 20000x3" in message
    assert "beyond the limit" in message
    assert page.driver.title == "seglet"


def test_no_name_of_a_file_runs(page, scene):
    hostile = scene.with_name("<img src=x onerror=document.title='owned'>.png")
    hostile.write_text("none")
    drop(page, hostile)
    until(lambda: "is not a readable image" in page.text("#seglet-message"))
    drop(page, scene.rename(scene.with_name("<script>document.title='owned'<.png")))
    assert page.driver.title == "seglet"
    assert page.all("#seglet-message img") == []


def test_a_file_that_is_too_large_never_arrives(page, tmp_path, scene):
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(33_000_000)
    drop(page, tmp_path / "large.png")
    until(lambda: "exceed the maximum allowed size" in page.text("body"))
    assert page.all("#seglet-overlay-0 .layer") == []


def test_files_of_this_machine_are_not_served(served, tmp_path):
    for secret in (tmp_path / "secret.txt", served.temporary / "secret.txt"):  # the second lies where it was started
        secret.write_text("secret")
        assert fetched(served, f"/gradio_api/file={secret}") == 403
    for path in ("/etc/passwd", "../../../../etc/passwd", "secret.txt"):
        assert fetched(served, f"/gradio_api/file={path}") in (403, 404)
    assert fetched(served, "/") == 200


def test_a_file_that_nobody_dropped_is_not_read(served, page, scene):
    forged = page.driver.execute_async_script(FORGED, str(scene))
    assert '"success":false' in forged
    assert "data:image" not in forged
    drop(page, scene)
    page.one("#seglet-overlay-0 .layer")
    (arrived, *_) = served.temporary.glob("seglet-app-*/*/scene.png")
    assert '"success":true' in page.driver.execute_async_script(FORGED, str(arrived))


def test_the_browser_remembers_nothing(page):
    assert json.loads(page.driver.execute_async_script(CONFIG))["run_history"] is False


def test_nobody_is_answered_who_calls_this_machine_by_another_name(served):
    assert fetched(served, "/", host="evil.example") == 421


def test_nothing_is_left_when_it_ends(serve, segmenter, scene, browser):
    served = serve(segmenter)
    assert list(served.temporary.glob("seglet-app-*"))
    browser.driver.get(served.opened)
    drop(browser, scene)
    browser.one("#seglet-overlay-0 .layer")
    assert list(served.temporary.glob("seglet-app-*/*"))
    assert served.end() == 128 + 15
    assert list(served.temporary.glob("*")) == []


def test_tags_are_typed_and_their_maps_are_shown(serve, browser, scene, tmp_path):
    write_json(tmp_path / "e.yaml", CLIP)
    browser.driver.get(serve("--method", tmp_path / "e.yaml", "--names", "star", "moon").opened)
    drop(browser, scene)
    browser.one("#seglet-layer input[value='CAM of moon']").click()
    until(lambda: browser.one("#seglet-overlay-0 .layer").get_attribute("alt") == "CAM of moon")
    field = browser.one("#seglet-tags textarea, #seglet-tags input")
    field.clear()
    field.send_keys("mon\n")
    until(lambda: "there is no class 'mon'; did you mean 'moon'" in browser.text("#seglet-image-message"))
