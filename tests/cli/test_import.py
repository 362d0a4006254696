"""`seglet data import`: an account of everything, and one bad image stops nothing."""

import json

import numpy as np
import pytest
from PIL import Image

from seglet.images import read_mask


def image(path, size=(8, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(path)


def labelme(file, *shapes, **more):
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"shapes": list(shapes), "imagePath": f"{file.stem}.png", "imageHeight": 6, "imageWidth": 8, **more}
    file.write_text(json.dumps(content))


SQUARE = {"label": "crack", "shape_type": "rectangle", "points": [[1, 1], [3, 3]]}
LARGE = {"label": "wall", "shape_type": "rectangle", "points": [[0, 0], [8, 6]]}
LINE = {"label": "crack", "shape_type": "line", "points": [[1, 1], [3, 3]]}


@pytest.fixture
def export(tmp_path):
    """LabelMe's files of four images: one good, one with lines alone, one empty, one broken."""
    for name in ("good", "lines", "empty", "broken"):
        image(tmp_path / "images" / f"{name}.png")
    labelme(tmp_path / "lm/good.json", SQUARE, LINE)
    labelme(tmp_path / "lm/lines.json", LINE, LINE)
    labelme(tmp_path / "lm/empty.json")
    labelme(tmp_path / "lm/broken.json", {**SQUARE, "points": [[1, 1], [3]]})
    return tmp_path


def test_the_account_names_what_became_of_every_shape(export, seglet):
    done = seglet("data", "import", export / "lm", "--images", export / "images", "--out", export / "out", "--json")
    report = json.loads(done.out)
    reasons = {one["source"]: one["reason"] for one in report["failed"]}
    assert (done.code, report["masks"], report["regions"]) == (2, 2, 1)
    assert report["passed_over"] == {"line": 3}
    assert sorted(reasons) == ["broken.png", "lines.png"]
    assert "none of its shapes covers known pixels (line: 2)" in reasons["lines.png"]
    assert sorted(path.stem for path in (export / "out/masks").iterdir()) == ["empty", "good"]
    assert read_mask(export / "out/masks/good.png").sum() == 4


def test_the_account_is_printed_too(export, seglet):
    done = seglet("data", "import", export / "lm", "--images", export / "images", "--out", export / "out")
    assert "passed over, as no pixel is known to be theirs: line: 3" in done.out


def test_a_region_under_later_ones_is_told(tmp_path, seglet):
    labelme(tmp_path / "lm/a.json", SQUARE, LARGE)
    done = seglet("data", "import", tmp_path / "lm", "--out", tmp_path / "out", "--json")
    assert json.loads(done.out)["remarks"] == {"region that lies wholly under later ones": 1}


def test_tasks_that_nobody_annotated_are_listed_and_get_no_mask(tmp_path, seglet):
    image(tmp_path / "images/a.png")
    image(tmp_path / "images/b.png")
    tasks = [
        {"data": {"image": "a.png"}, "annotations": [{"result": []}]},
        {"data": {"image": "b.png"}},
    ]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    done = seglet("data", "import", tmp_path, "--out", tmp_path / "out")
    assert done.code == 0
    assert "b.png: nobody has annotated it" in done.out
    assert [path.name for path in (tmp_path / "out/masks").iterdir()] == ["a.png"]


def test_two_annotations_of_one_image_are_refused_and_the_others_imported(tmp_path, seglet):
    for name in ("a", "b"):
        image(tmp_path / "images" / f"{name}.png")
    labelme(tmp_path / "lm/one.json", SQUARE, imagePath="a.png")
    labelme(tmp_path / "lm/two.json", SQUARE, imagePath="a.png")
    labelme(tmp_path / "lm/b.json", SQUARE)
    words = ("data", "import", tmp_path / "lm", "--images", tmp_path / "images", "--out", tmp_path / "out", "--json")
    report = json.loads(seglet(*words).out)
    assert [one["reason"][:36] for one in report["failed"]] == ["2 entries would have the mask 'a'; r"] * 2
    assert [path.name for path in (tmp_path / "out/masks").iterdir()] == ["b.png"]


def test_an_image_is_found_by_the_end_of_its_path_and_its_mask_lies_where_it_lies(tmp_path, seglet):
    image(tmp_path / "images/x/a.png")
    image(tmp_path / "images/y/a.png")
    labelme(tmp_path / "lm/1.json", SQUARE, imagePath="C:\\data\\y\\a.png")
    labelme(tmp_path / "lm/2.json", SQUARE, imagePath="a.png")
    words = ("data", "import", tmp_path / "lm", "--images", tmp_path / "images", "--out", tmp_path / "out", "--json")
    report = json.loads(seglet(*words).out)
    assert (tmp_path / "out/masks/y/a.png").is_file()
    assert "2 images are called 'a.png', such as 'x/a.png' and 'y/a.png'" in report["failed"][0]["reason"]


def test_frames_of_a_video_are_found_by_their_name_without_suffix(tmp_path, seglet):
    image(tmp_path / "images/frame_000007.png")
    box = '<box frame="7" outside="0" xtl="1" ytl="1" xbr="3" ybr="3"/>'
    (tmp_path / "annotations.xml").write_text(f'<annotations><track label="crack">{box}</track></annotations>')
    assert seglet("data", "import", tmp_path, "--out", tmp_path / "out").code == 0
    assert read_mask(tmp_path / "out/masks/frame_000007.png").sum() == 4
    (tmp_path / "images/frame_000007.png").rename(tmp_path / "images/other.png")
    words = ("data", "import", tmp_path, "--images", tmp_path / "images", "--out", tmp_path / "again")
    assert "it is frame 7 of a video track" in seglet(*words).out
