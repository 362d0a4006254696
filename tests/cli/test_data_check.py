"""`seglet data check`."""

import json
import re

from PIL import Image
from tests.data.disk import mask, pairs, text, write_image

from seglet.data.opening import open_dataset


def test_sound_data_are_described_beside_them(images, seglet):
    done = seglet("data", "check", images)
    assert done.code == 0
    assert "next: seglet data view" in done.out
    assert len(open_dataset(str(images), "train")) == 2


def test_all_problems_are_listed_and_nothing_is_written(images, seglet):
    (images / "images/train/train0.png").write_bytes(b"")
    Image.new("L", (5, 5)).save(images / "masks/val/val1.png")
    done = seglet("data", "check", images)
    assert done.code == 2
    assert "train0.png" in done.out
    assert "val1.png" in done.out
    assert not (images / "dataset.json").exists()


def test_bad_files_can_be_left_out(images, seglet):
    (images / "images/train/train0.png").write_bytes(b"")
    assert seglet("data", "check", images, "--leave-out").code == 0
    assert list(open_dataset(str(images), "train").ids) == ["train1"]


def test_json_is_one_object(images, seglet, tmp_path):
    done = seglet("data", "check", images, "--json", "--out", tmp_path / "d.json")
    found = json.loads(done.out)
    assert (found["ok"], found["images"], found["description"]) == (True, 4, str(tmp_path / "d.json"))
    assert f"--data {tmp_path / 'd.json'}" in done.err


def test_nothing_usable_is_no_data_set(images, seglet):
    for file in images.rglob("*.png"):
        file.write_bytes(b"")
    done = seglet("data", "check", images, "--leave-out")
    assert done.code == 2
    assert not (images / "dataset.json").exists()


def test_awkward_files_are_all_named(shared_data, seglet, tmp_path):
    (tmp_path / "images").symlink_to(shared_data / "awkward")
    done = seglet("data", "check", tmp_path, "--json")
    named = {problem["file"].rsplit("/", 1)[-1] for problem in json.loads(done.out)["problems"]}
    assert {"zero_byte.png", "truncated.jpg", "bomb_valid_400mp.png", "text_named.jpg"} <= named


def test_a_single_split_is_divided_into_train_and_val(tmp_path, seglet):
    pairs(tmp_path / "d", count=10)
    done = seglet("data", "check", tmp_path / "d", "--val", "0.2")
    assert done.code == 0
    assert [len(open_dataset(str(tmp_path / "d"), split)) for split in ("train", "val")] == [8, 2]
    assert "--train_split" not in done.out


def test_splits_that_are_there_are_not_divided(images, seglet):
    done = seglet("data", "check", images, "--val", "0.2")
    assert done.code == 2
    assert "train, val" in done.err


def test_the_next_command_names_the_only_split(tmp_path, seglet):
    done = seglet("data", "check", pairs(tmp_path / "d"))
    assert f"next: seglet data view {tmp_path / 'd'} --out views.png --train_split all\n" in done.out
    assert "--train_split all --val_split all" in done.out


def test_a_division_is_reported(tmp_path, seglet):
    done = seglet("data", "check", pairs(tmp_path / "d", count=10), "--val", "0.2")
    assert "val: 2 images, train: 8 images" in done.out


def test_images_without_masks_are_not_sent_to_supervised_training(tmp_path, seglet):
    write_image(tmp_path / "d/0.png")
    done = seglet("data", "check", tmp_path / "d")
    assert done.code == 0
    assert "no masks" in done.out
    assert "unnamed" not in done.out
    assert "train supervised" not in done.out


def test_masks_that_cannot_be_understood_are_not_left_out(tmp_path, seglet):
    pairs(tmp_path / "d", count=1)
    mask(tmp_path / "d/masks/0.png", 0, 255)
    done = seglet("data", "check", tmp_path / "d", "--leave-out")
    assert done.code == 2
    assert "--coding binary_255" in done.out
    assert "--leave-out" not in done.out
    assert seglet("data", "check", tmp_path / "d", "--coding", "binary_255").code == 0


def test_tags_are_shown_and_lead_to_a_method_that_learns_from_them(tmp_path, seglet):
    write_image(tmp_path / "d/0.png")
    done = seglet("data", "check", tmp_path / "d", "--tags", text(tmp_path / "mine.csv", "0.png,cat"))
    assert done.code == 0
    assert "tags from mine.csv (csv), 2 classes" in done.out
    assert re.search(r"1 cat +1\n", done.out)
    assert f"seglet train ssss --data {tmp_path / 'd'}" in done.out


def test_tags_may_be_those_of_the_masks(images, seglet, tmp_path):
    done = seglet("data", "check", images, "--tags", "masks", "--json", "--out", tmp_path / "d.json")
    found = json.loads(done.out)
    assert found["tags"]["form"] == "masks"
    assert found["splits"]["train"]["tagged"] == 2


def test_the_field_of_tags_can_be_chosen(tmp_path, seglet):
    write_image(tmp_path / "d/0.png")
    tags = text(tmp_path / "t.json", '{"0": {"coarse": ["animal"], "fine": ["cat"]}}')
    assert "--tags-key" in seglet("data", "check", tmp_path / "d", "--tags", tags).err
    assert "1 cat" in seglet("data", "check", tmp_path / "d", "--tags", tags, "--tags-key", "fine").out


def test_wrong_tags_can_be_left_out(tmp_path, seglet):
    write_image(tmp_path / "d/0.png")
    write_image(tmp_path / "d/1.png", shade=1)
    text(tmp_path / "d/classes.txt", "background", "cat")
    text(tmp_path / "d/tags.csv", "0,cat", "1,cta")
    assert "did you mean 'cat'?" in seglet("data", "check", tmp_path / "d").out
    assert seglet("data", "check", tmp_path / "d", "--leave-out").code == 0
    assert list(open_dataset(str(tmp_path / "d"), "all").ids) == ["0"]


def test_a_dataset_json_of_another_program_is_left_alone_and_said(images, seglet):
    foreign = text(images / "dataset.json", '{"labels": {"background": 0}}')
    done = seglet("data", "check", images)
    assert (done.code, foreign.read_text()) == (0, '{"labels": {"background": 0}}')
    assert f"the description is in {images}/.seglet/dataset.json" in done.out
    assert f"{foreign} belongs to another program and stays as it is" in done.out
    assert len(open_dataset(str(images), "train")) == 2
    assert seglet("data", "check", images, "--out", foreign).code == 2
