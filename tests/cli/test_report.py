"""`seglet report`: what the page says, and that nothing in it can run that is not its own."""

import base64
import hashlib
import html.parser
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from seglet.cli.main import main
from seglet.data.world.scene import WORLD_CLASSES
from seglet.images import write_mask
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build
from seglet.report import charts
from seglet.report.embedding import principal_components, share_of_like_neighbours, tsne
from seglet.report.features import most_confused_pairs
from seglet.types import Classes

DATA = ("--data", "world:scenes=6,size=40")


class Elements(html.parser.HTMLParser):
    """Every element with its attributes, and all text outside of style and script."""

    def __init__(self, text):
        super().__init__()
        self.found, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    folder = tmp_path_factory.mktemp("other") / "other"
    build(Architecture("deeplabv3-resnet18", width=0.125), WORLD_CLASSES, seed=1).save(folder)
    return folder


@pytest.fixture(scope="module")
def page(model, other, tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    assert main([str(word) for word in ("report", model, other, *DATA, "--pairs", 2, "--out", file)]) == 0
    return file.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two steps."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    small = ("--world_scenes", 4, "--world_size", 32, "--crop", 32, 32, "--width", 0.125, "--batch", 2)
    options = ("--steps", 2, "--validate_every", 2, "--workers", 0)
    assert main([str(word) for word in ("train", "supervised", "--out", folder, *small, *options)]) == 0
    return folder


def test_the_score_is_that_of_evaluate(page, model, seglet):
    score = json.loads(seglet("evaluate", model, *DATA, "--json").out)["miou"]
    assert f"mIoU {100 * score:.1f} %" in page


def test_only_its_own_style_and_script_may_run(page):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src 'none'; img-src data:;")
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_nothing_is_loaded_and_nothing_needs_leave_to_run(page):
    for tag, attributes in Elements(page).found:
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
        assert attributes.get("src", "data:image/").startswith("data:image/")
        assert "href" not in attributes


def test_every_section_is_there(page):
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert headings == ["Classes", "Confusion matrix", "model and other", "Images", "Confidence",
                        "Slices", "Features"]  # fmt: skip


def test_cells_of_the_matrix_show_images_that_are_there(page):
    elements = Elements(page).found
    places = {attributes["data-index"] for _, attributes in elements if "data-index" in attributes}
    buttons = [attributes for tag, attributes in elements if tag == "button"]
    assert len(buttons) > 5
    assert all(set(button["data-show"].split()) <= places for button in buttons)
    assert any("is predicted as" in button.get("aria-label", "") for button in buttons)


def test_images_have_layers_and_alternative_texts(page):
    images = [attributes for tag, attributes in Elements(page).found if tag == "img"]
    layers = {image["data-layer"] for image in images if "data-layer" in image}
    assert layers == {"prediction", "truth", "difference", "confidence", "uncertainty", "prediction of other"}
    assert all(image["alt"] for image in images)


def test_features_of_all_subjects_are_side_by_side_and_confused_pairs_alone(page):
    section = page.partition("<h2>Features</h2>")[2].partition("<footer>")[0]
    titles = re.findall(r"<title>(Features of [^<]+), (model|other)</title>", section)
    assert [name for _, name in titles] == ["model", "other"] * 3
    pairs = re.findall(r"<h3>([^<]+) and ([^<]+): [\d.]+ % confused</h3>", section)
    assert len(pairs) == 2
    for drawn, two in zip(section.split("<h3>")[1:], pairs, strict=True):
        assert set(re.findall(r"<circle[^>]+><title>([^<]+)</title>", drawn)) <= set(two)


def test_the_most_confused_pairs_by_hand():
    confusion = np.array([[8, 2, 0], [0, 4, 4], [1, 3, 0]])  # 0–1: 20 % and 0; 0–2: 0 and 25 %; 1–2: 50 % and 75 %
    assert most_confused_pairs(confusion, 2) == [(1, 2, 0.625), (0, 2, 0.125)]
    assert most_confused_pairs(np.diag([5, 0, 3]), 2) == []


def test_neighbours_of_the_same_class_by_hand():
    features, labels = np.array([[0.0], [1], [2], [4.5]]), np.array([0, 0, 0, 1])
    assert share_of_like_neighbours(features, labels) == 0.75  # of the last alone it is of another class
    assert share_of_like_neighbours(features[:1], labels[:1]) is None


def test_hostile_names_stay_text(seglet, tmp_path):
    names = ("background", "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>")
    classes = Classes(names, ((0, 0, 0), (9, 9, 9), (200, 0, 0)))
    build(Architecture("deeplabv3-resnet18", width=0.125), classes).save(tmp_path / "model")
    root = tmp_path / "<b>data"
    for number in range(2):
        image = root / "images" / "val" / f"<i>&quot;{number}'.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((32, 32), 90).convert("RGB").save(image)
        labels = np.random.default_rng(number).integers(0, 3, (32, 32), dtype=np.uint8)
        write_mask(root / "masks" / "val" / image.name, labels, classes)
    (root / "classes.json").write_text(json.dumps([{"id": i, "name": name} for i, name in enumerate(names)]))
    done = seglet("report", tmp_path / "model", "--data", root, "--out", tmp_path / "report.html")
    assert done.code == 0, done.err
    elements = Elements((tmp_path / "report.html").read_text())
    assert [tag for tag, _ in elements.found].count("script") == 1
    assert not {"i", "b"} & {tag for tag, _ in elements.found}
    assert any(names[1] in texts for texts in elements.texts)


def test_networks_that_learned_from_tags_show_their_stages(seglet, tmp_path):
    build(Architecture("cam-resnet18", width=0.125), WORLD_CLASSES).save(tmp_path / "model")
    words = ("report", tmp_path / "model", "--data", "world:scenes=2,size=40", "--out", tmp_path / "report.html")
    assert seglet(*words).code == 0
    assert 'data-layer="pseudo label"' in (tmp_path / "report.html").read_text()


def test_a_run_brings_its_data_curves_and_command(run, seglet, tmp_path):
    assert seglet("report", run, "--out", tmp_path / "report.html").code == 0
    text = (tmp_path / "report.html").read_text()
    assert "<h2>Training</h2>" in text
    assert "seglet train supervised" in text or "commit" in text


def test_a_run_that_refines_pseudo_labels_shows_them_before_and_after(run, seglet, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    scores = {"val/miou": 0.2, "refined/miou": 0.3, "val/boundary_iou": 0.1, "refined/boundary_iou": 0.4}
    with (copy / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 2, **scores}) + "\n")
    assert seglet("report", copy, *DATA, "--out", tmp_path / "report.html").code == 0
    text = (tmp_path / "report.html").read_text()
    captions = re.findall(r"<figcaption>(pseudo labels.*?)</figcaption>", text)
    assert captions == ["pseudo labels of run: mIoU, by step", "pseudo labels of run: boundary IoU, by step"]
    assert text.count(">refined</text>") == text.count(">predicted</text>") == 2


def test_a_run_with_pseudo_labels_shows_which_it_would_trust_and_how_many_of_them_are_right(run, seglet, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    scores = {"val/trusted": 0.5, "val/precision": 0.9, "refined/trusted": 0.4, "val/trusted/ring": 0.3}
    with (copy / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 2, **scores}) + "\n")
    assert seglet("report", copy, *DATA, "--out", tmp_path / "report.html").code == 0
    captions = re.findall(r"<figcaption>pseudo labels of run: (.*?), by step<", (tmp_path / "report.html").read_text())
    share, precision = "share of trusted pixels", "precision of trusted pixels"
    assert captions == [share, f"{share} of each class", precision]


def test_a_run_that_was_cut_off_has_a_warning(run, seglet, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    (copy / "experiment.yaml").write_text((run / "experiment.yaml").read_text().replace("steps: 2\n", "steps: 9\n"))
    assert "stopped at step 2 of 9" in seglet("report", copy, *DATA, "--out", tmp_path / "report.html").out
    for folder in ("model", "last"):
        shutil.rmtree(copy / folder)
    done = seglet("report", copy, "--out", tmp_path / "report.html")
    assert (done.code, "not been validated" in done.err) == (2, True)


def test_other_classes_cannot_be_compared(model, seglet, tmp_path):
    other = Classes(("a", "b"), ((0, 0, 0), (1, 1, 1)))
    build(Architecture("deeplabv3-resnet18", width=0.125), other).save(tmp_path / "model")
    done = seglet("report", model, tmp_path / "model", *DATA, "--out", tmp_path / "report.html")
    assert (done.code, "cannot be compared" in done.err) == (2, True)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("words", [[], ["--data", "world", "--split", "nowhere"]])
def test_without_data_there_is_no_report(words, model, seglet, tmp_path):
    done = seglet("report", model, *words, "--out", tmp_path / "report.html")
    assert done.code == 2
    assert "Traceback" not in done.err


def test_a_very_long_image_is_no_obstacle(seglet, tmp_path):
    classes = Classes(("background", "b"), ((0, 0, 0), (1, 1, 1)))
    build(Architecture("deeplabv3-resnet18", width=0.125), classes).save(tmp_path / "model")
    for kind in ("images", "masks"):
        (tmp_path / "data" / kind / "val").mkdir(parents=True)
    Image.new("RGB", (3, 2000)).save(tmp_path / "data/images/val/long.png")
    write_mask(tmp_path / "data/masks/val/long.png", np.eye(2000, 3, dtype=np.uint8), classes)
    (tmp_path / "data/classes.txt").write_text("0 background\n1 b\n")
    done = seglet("report", tmp_path / "model", "--data", tmp_path / "data", "--out", tmp_path / "report.html")
    assert done.code == 0, done.err


def test_features_that_are_apart_stay_apart():
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(0, 1, (60, 5)), rng.normal(9, 1, (60, 5))])
    place = tsne(features)
    within = np.linalg.norm(place[:60] - place[:60].mean(0), axis=1).mean()
    assert np.linalg.norm(place[:60].mean(0) - place[60:].mean(0)) > 2 * within
    assert principal_components(features).shape == (120, 2)
    assert tsne(features[:4]).shape == (4, 2)


def test_charts_escape_names_and_say_what_they_are():
    drawn = charts.line_chart("a < b", {"<x>": [(0, 0.1), (10, 0.4)]}, percent=True)
    assert "<title>a &lt; b</title>" in drawn
    assert "&lt;x&gt;" in drawn
    assert charts.line_chart("nothing", {}) == ""
    assert charts.scatter_chart("nothing", []) == ""
