"""`seglet data darken` and `seglet data darkness`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.data.disk import pairs, save, text, write_image

from seglet.data.dark.parameters import darkening_from_dict
from seglet.data.dark.pipeline import darken_image
from seglet.data.description import load_description
from seglet.data.opening import open_dataset
from seglet.images import read_image


@pytest.fixture
def lit(tmp_path: Path) -> Path:
    """Two splits that share names, with classes whose numbers have a gap."""
    pairs(tmp_path / "lit", "train")
    pairs(tmp_path / "lit", "val")
    text(tmp_path / "lit/classes.txt", "0 background", "1 cat 255 0 0")
    return tmp_path / "lit"


def words(lit: Path, *more: object) -> tuple[object, ...]:
    return ("data", "darken", lit, "--out", lit.parent / "dark", "--jobs", 1, *more)


def test_images_become_dark_and_masks_stay(lit, seglet):
    done = seglet(*words(lit, "--preset", "extreme"))
    assert done.code == 0, done.err
    for split in ("train", "val"):
        before, after = open_dataset(str(lit), split), open_dataset(str(lit.parent / "dark"), split)
        assert before.ids == after.ids
        for index in range(len(before)):
            assert after.read(index).image.mean() < before.read(index).image.mean() / 2
            np.testing.assert_array_equal(after.read(index).labels, before.read(index).labels)


def test_the_stored_parameters_make_the_image_again(lit, seglet):
    assert seglet(*words(lit, "--seed", 3)).code == 0
    stored = json.loads((lit.parent / "dark/parameters/train/1.json").read_text())
    again = darken_image(read_image(lit / "images/train/1.png"), darkening_from_dict(stored["parameters"]))
    np.testing.assert_array_equal(again, read_image(lit.parent / "dark/images/train/1.png"))


def test_the_result_is_a_data_set_that_checks(lit, seglet):
    assert seglet(*words(lit)).code == 0
    written = load_description(lit.parent / "dark/dataset.json")
    checked = seglet("data", "check", lit.parent / "dark", "--json")
    assert checked.code == 0, checked.err
    found = load_description(lit.parent / "dark/dataset.json")
    assert {name: {item.id: item for item in items} for name, items in found.splits.items()} == {
        name: {item.id: item for item in items} for name, items in written.splits.items()
    }


def test_tags_that_somebody_wrote_are_carried_along(tmp_path, seglet):
    for number in range(2):
        write_image(tmp_path / "lit/images" / f"{number}.png", shade=number)
    text(tmp_path / "lit/tags.json", json.dumps({"0.png": ["cat"], "1.png": ["dog", "cat"]}))
    assert seglet("data", "check", tmp_path / "lit").code == 0
    done = seglet(*words(tmp_path / "lit"))
    assert done.code == 0, done.err
    before, after = (open_dataset(str(tmp_path / name), "all") for name in ("lit", "dark"))
    named = [[data.classes.names[label] for label in data.read(1).tags] for data in (before, after)]
    assert named[0] == named[1] != []
    assert seglet("data", "check", tmp_path / "dark").code == 0


def test_splits_that_share_images_become_lists(lit, tmp_path, seglet):
    root = pairs(tmp_path / "shared", count=3)
    text(root / "classes.txt", "0 background", "1 cat")
    for name, ids in {"train": "01", "val": "2", "trainval": "012"}.items():
        text(root / "lists" / f"{name}.txt", *ids)
    done = seglet(*words(root))
    assert done.code == 0, done.err
    shutil.rmtree(tmp_path / "dark/.seglet", ignore_errors=True)
    (tmp_path / "dark/dataset.json").unlink()
    assert len(open_dataset(str(tmp_path / "dark"), "trainval")) == 3
    assert len(list((tmp_path / "dark/images").iterdir())) == 3


def test_what_is_finished_is_not_made_again(lit, seglet):
    assert seglet(*words(lit)).code == 0
    (lit.parent / "dark/images/val/1.png").unlink()
    assert "darkened: 1, finished before: 3, failed: 0" in seglet(*words(lit)).out


def test_processes_make_the_same(lit, seglet):
    assert seglet(*words(lit)).code == 0
    alone = (lit.parent / "dark/images/val/0.png").read_bytes()
    assert "darkened: 4" in seglet(*words(lit, "--jobs", 2, "--overwrite")).out
    assert (lit.parent / "dark/images/val/0.png").read_bytes() == alone


def test_results_of_other_settings_are_not_mixed(lit, seglet):
    assert seglet(*words(lit)).code == 0
    other = seglet(*words(lit, "--preset", "mild"))
    assert other.code == 2
    assert "preset was 'night', is 'mild'" in other.err
    assert seglet(*words(lit, "--preset", "mild", "--overwrite")).code == 0


def test_other_files_are_never_written_over(lit, seglet):
    text(lit.parent / "dark/mine.txt", "x")
    assert "holds other files" in seglet(*words(lit)).err


def test_the_data_set_itself_is_no_place_for_results(lit, seglet):
    assert "choose an --out beside it" in seglet("data", "darken", lit, "--out", lit / "dark").err


def test_a_image_that_changed_is_reported_and_left_out(lit, seglet):
    assert seglet("data", "check", lit).code == 0
    write_image(lit / "images/train/1.png", shade=99)
    done = seglet(*words(lit))
    assert done.code == 2
    assert "changed since the data were checked" in done.out
    assert len(open_dataset(str(lit.parent / "dark"), "train")) == 1


@pytest.mark.parametrize(("shade", "preset"), [(6, "extreme"), (200, "mild")])
def test_dark_images_find_the_preset_that_comes_near(shade, preset, lit, seglet):
    save(lit.parent / "mine/a.png", np.full((8, 8, 3), shade, np.uint8))
    told = json.loads(seglet("data", "darkness", lit.parent / "mine", "--light", lit / "images", "--json").out)
    assert told["nearest"] == preset
    assert told["measured"]["light"]["luma_50"] > told["measured"]["mild"]["luma_50"]


def test_darkness_is_told_without_images_to_compare_with(lit, seglet):
    shown = seglet("data", "darkness", lit / "images")
    assert shown.code == 0
    assert "these images" in shown.out
    assert "nearest" not in shown.out
