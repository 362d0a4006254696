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
from seglet.images import read_image, write_png16


@pytest.fixture
def light(tmp_path: Path) -> Path:
    """Two splits that share names, with classes whose numbers have a gap."""
    pairs(tmp_path / "light", "train")
    pairs(tmp_path / "light", "val")
    text(tmp_path / "light/classes.txt", "0 background", "1 cat 255 0 0")
    return tmp_path / "light"


def words(light: Path, *more: object) -> tuple[object, ...]:
    return ("data", "darken", light, "--out", light.parent / "dark", "--jobs", 1, *more)


def test_images_become_dark_and_masks_stay(light, seglet):
    done = seglet(*words(light, "--preset", "extreme"))
    assert done.code == 0, done.err
    for split in ("train", "val"):
        before, after = open_dataset(str(light), split), open_dataset(str(light.parent / "dark"), split)
        assert before.ids == after.ids
        for index in range(len(before)):
            assert after.read(index).image.mean() < before.read(index).image.mean() / 2
            np.testing.assert_array_equal(after.read(index).labels, before.read(index).labels)


def test_the_stored_parameters_make_the_image_again(light, seglet):
    assert seglet(*words(light, "--seed", 3)).code == 0
    stored = json.loads((light.parent / "dark/parameters/train/1.json").read_text())
    again = darken_image(read_image(light / "images/train/1.png"), darkening_from_dict(stored["parameters"]))
    np.testing.assert_array_equal(again, read_image(light.parent / "dark/images/train/1.png"))


def test_a_camera_of_16_bits_keeps_more_than_256_levels(light, seglet):
    assert seglet(*words(light, "--variant", "camera", "--bits", "16", "--preset", "mild")).code == 0
    file = light.parent / "dark/images/train/1.png"
    parameters = json.loads((light.parent / "dark/parameters/train/1.json").read_text())["parameters"]
    deep = darken_image(
        read_image(light / "images/train/1.png").astype(np.uint16) * 257, darkening_from_dict(parameters)
    )
    write_png16(light.parent / "again.png", deep)
    assert file.read_bytes() == (light.parent / "again.png").read_bytes()
    assert np.abs(read_image(file).astype(float) - deep / 257).max() <= 0.51
    assert "is for MAET's" in seglet(*words(light, "--variant", "camera", "--safe-invert")).err


def test_highlights_are_kept_on_request(light, seglet):
    assert seglet(*words(light, "--safe-invert")).code == 0
    stored = json.loads((light.parent / "dark/parameters/train/1.json").read_text())
    assert stored["parameters"]["safe_invert"] is True
    record = json.loads((light.parent / "dark/darkened.json").read_text())
    assert record["settings"]["safe_invert"] is True


def test_the_result_is_a_data_set_that_checks(light, seglet):
    assert seglet(*words(light)).code == 0
    written = load_description(light.parent / "dark/dataset.json")
    checked = seglet("data", "check", light.parent / "dark", "--json")
    assert checked.code == 0, checked.err
    found = load_description(light.parent / "dark/dataset.json")
    assert {name: {item.id: item for item in items} for name, items in found.splits.items()} == {
        name: {item.id: item for item in items} for name, items in written.splits.items()
    }


def test_tags_that_somebody_wrote_are_carried_along(tmp_path, seglet):
    for number in range(2):
        write_image(tmp_path / "light/images" / f"{number}.png", shade=number)
    text(tmp_path / "light/tags.json", json.dumps({"0.png": ["cat"], "1.png": ["dog", "cat"]}))
    assert seglet("data", "check", tmp_path / "light").code == 0
    done = seglet(*words(tmp_path / "light"))
    assert done.code == 0, done.err
    before, after = (open_dataset(str(tmp_path / name), "all") for name in ("light", "dark"))
    named = [[data.classes.names[label] for label in data.read(1).tags] for data in (before, after)]
    assert named[0] == named[1] != []
    assert seglet("data", "check", tmp_path / "dark").code == 0


def test_splits_that_share_images_become_lists(light, tmp_path, seglet):
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


def test_what_is_finished_is_not_made_again(light, seglet):
    assert seglet(*words(light)).code == 0
    (light.parent / "dark/images/val/1.png").unlink()
    assert "darkened: 1, finished before: 3, failed: 0" in seglet(*words(light)).out


def test_processes_make_the_same(light, seglet):
    assert seglet(*words(light)).code == 0
    alone = (light.parent / "dark/images/val/0.png").read_bytes()
    assert "darkened: 4" in seglet(*words(light, "--jobs", 2, "--overwrite")).out
    assert (light.parent / "dark/images/val/0.png").read_bytes() == alone


def test_results_of_other_settings_are_not_mixed(light, seglet):
    assert seglet(*words(light)).code == 0
    other = seglet(*words(light, "--preset", "mild"))
    assert other.code == 2
    assert "preset was 'night', is 'mild'" in other.err
    assert seglet(*words(light, "--preset", "mild", "--overwrite")).code == 0


def test_other_files_are_never_written_over(light, seglet):
    text(light.parent / "dark/mine.txt", "x")
    assert "holds other files" in seglet(*words(light)).err


def test_the_data_set_itself_is_no_place_for_results(light, seglet):
    assert "choose an --out beside it" in seglet("data", "darken", light, "--out", light / "dark").err


def test_an_image_that_changed_is_reported_and_left_out(light, seglet):
    assert seglet("data", "check", light).code == 0
    write_image(light / "images/train/1.png", shade=99)
    done = seglet(*words(light))
    assert done.code == 2
    assert "changed since the data were checked" in done.out
    assert len(open_dataset(str(light.parent / "dark"), "train")) == 1


@pytest.mark.parametrize(("shade", "preset"), [(6, "extreme"), (200, "mild")])
def test_the_nearest_preset_is_found(shade, preset, light, seglet):
    save(light.parent / "mine/a.png", np.full((8, 8, 3), shade, np.uint8))
    message = json.loads(seglet("data", "darkness", light.parent / "mine", "--light", light / "images", "--json").out)
    assert message["nearest"] == preset
    assert message["measured"]["light"]["luma_50"] > message["measured"]["mild"]["luma_50"]


def test_darkness_is_measured_without_images_to_compare_with(light, seglet):
    shown = seglet("data", "darkness", light / "images")
    assert shown.code == 0
    assert "these images" in shown.out
    assert "nearest" not in shown.out


def test_frames_of_one_folder_share_a_night_but_no_noise(light, seglet):
    assert seglet(*words(light, "--per", "folder")).code == 0
    stored = [
        json.loads((light.parent / f"dark/parameters/{split}/{name}.json").read_text())["parameters"]
        for split in ("train", "val")
        for name in (0, 1)
    ]
    shared = [{key: value for key, value in each.items() if key != "noise_seed"} for each in stored]
    assert shared[0] == shared[1]
    assert len({each["noise_seed"] for each in stored[:2]}) == 2
    assert "per was" in seglet(*words(light)).err


def test_darkness_goes_on_past_a_file_that_cannot_be_read(light, seglet):
    (light / "images/train/torn.png").write_bytes(b"no image")
    shown = seglet("data", "darkness", light / "images", "--json")
    assert shown.code == 2
    content = json.loads(shown.out)
    assert content["measured"]["these images"]["images"] == 4
    assert [each["file"].endswith("torn.png") for each in content["failed"]] == [True]
