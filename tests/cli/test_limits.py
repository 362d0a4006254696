"""Every command that opens the images it is given has the option that its errors name."""

import json

import pytest
from PIL import Image

from seglet.cli.main import COMMANDS
from seglet.images import MAX_PIXELS

READERS = ("predict", "label", "compare", "enhance", "refine", "export", "data check", "data import", "data darkness")


@pytest.mark.parametrize("command", READERS)
def test_the_limit_of_pixels_can_be_raised(command, seglet):
    assert command in COMMANDS
    assert "--max-pixels" in seglet(*command.split(), "--help").out


@pytest.fixture
def large(tmp_path):
    """A folder with one image of 1200 pixels."""
    (tmp_path / "in").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "in/a.png")
    return tmp_path / "in"


def test_the_limit_reaches_the_images_of_each_command(large, model, seglet, tmp_path):
    limit = ("--max-pixels", 1199)
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.new("L", (40, 30)).save(masks / "a.png")
    (masks / "classes.txt").write_text("0 road\n1 car\n")
    commands = (
        ("label", model, large, "--tool", "coco", "--out", tmp_path / "label"),
        ("compare", model, "--images", large, "--out", tmp_path / "sheet.png"),
        ("enhance", large, "--method", "gamma", "--out", tmp_path / "bright", "--jobs", 1),
        ("refine", masks, "--images", large, "--out", tmp_path / "refined", "--jobs", 1),
        ("data", "darkness", large),
    )
    for words in commands:
        done = seglet(*words, *limit)
        assert done.code == 2, words
        assert "or allow its size with --max-pixels 1200" in done.out + done.err, words


def test_the_limit_of_a_data_set_names_the_command_that_raises_it(large, seglet):
    done = seglet("data", "check", large, "--max-pixels", 1199)
    assert "or allow its size with `seglet data check DIR --max-pixels 1200`" in done.out
    assert seglet("data", "check", large, "--max-pixels", 1200).code == 0


def test_the_help_states_the_default():
    assert MAX_PIXELS == 64_000_000


COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}],
    "categories": [{"id": 1, "name": "car"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9]], "bbox": [0, 0, 9, 9]}
    ],
}
LABELME = {
    "imagePath": "a.png", "imageWidth": 40, "imageHeight": 30,
    "shapes": [{"label": "car", "shape_type": "polygon", "points": [[0, 0], [9, 0], [9, 9]]}],
}  # fmt: skip
CVAT = """<annotations><image id="0" name="a.png" width="40" height="30">
<polygon label="car" points="0,0;9,0;9,9" /></image></annotations>"""


@pytest.mark.parametrize(
    ("name", "text"), [("coco.json", json.dumps(COCO)), ("a.json", json.dumps(LABELME)), ("cvat.xml", CVAT)]
)
def test_sizes_that_only_annotations_state_obey_the_limit(name, text, seglet, tmp_path):
    (tmp_path / name).write_text(text)
    words = ("data", "import", tmp_path / name)
    refused = seglet(*words, "--out", tmp_path / "few", "--max-pixels", 1199)
    assert refused.code == 2
    assert "a size of 40x30, beyond the limit of 1199 pixels; correct it, or allow it with --max-pixels 1200" in (
        refused.out + refused.err
    )
    assert seglet(*words, "--out", tmp_path / "enough", "--max-pixels", 1200).code == 0
    assert (tmp_path / "enough/masks/a.png").is_file()


def test_sizes_in_the_annotations_of_a_data_set_obey_its_limit(large, seglet):
    (large / "annotations").mkdir()
    (large / "annotations/instances_train.json").write_text(json.dumps(COCO))
    refused = seglet("data", "check", large, "--max-pixels", 1199)
    assert "allow it with `seglet data check DIR --max-pixels 1200`" in refused.out + refused.err
    allowed = seglet("data", "check", large, "--max-pixels", 1200)
    assert "beyond the limit" not in allowed.out + allowed.err
