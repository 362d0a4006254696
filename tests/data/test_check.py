import json
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.data.disk import mask, pairs, save, text, write_image

from seglet.data.checking.check import check_dataset
from seglet.data.checking.rules import MaskRules
from seglet.data.errors import DataError
from seglet.data.files import cache_folder_for


def whats(report):
    return {problem.file: problem.what for problem in report.problems if problem.severity == "error"}


def warnings(report):
    return [problem.what for problem in report.problems if problem.severity == "warning"]


def test_good_pairs_have_no_problem(tmp_path):
    text(pairs(tmp_path) / "classes.txt", "road", "car")
    report = check_dataset(tmp_path)
    assert (report.ok, report.problems) == (True, ())
    assert report.statistics["all"].pixels == (48, 48)
    assert report.statistics["all"].containing == (2, 2)
    json.dumps(report.as_dict())


def test_all_problems_are_listed_at_once(tmp_path):
    text(pairs(tmp_path, count=6) / "classes.txt", "road", "car")
    (tmp_path / "images" / "0.png").write_bytes(b"")
    mask(tmp_path / "masks" / "1.png", 0, 77)
    mask(tmp_path / "masks" / "2.png", 0, 1, size=(3, 4))
    (tmp_path / "masks" / "3.png").unlink()
    save(tmp_path / "masks" / "4.png", np.full((6, 8, 3), (1, 2, 3), np.uint8))
    assert whats(check_dataset(tmp_path)) == {
        "images/0.png": f"{str(tmp_path / 'images/0.png')!r} is empty (0 bytes)",
        "masks/1.png": "holds ids of no class: 77 (24 pixels); of all 2 it holds 0 (24 pixels), 77 (24 pixels)",
        "masks/2.png": "is 4x3 but its image is 8x6",
        "images/3.png": "image without a mask",
        "masks/4.png": "is coded by colour, the data set by ids",
    }


def test_what_is_good_can_be_used_without_what_is_bad(tmp_path):
    mask(pairs(tmp_path) / "masks" / "1.png", 0, 77)
    text(tmp_path / "classes.txt", "road", "car")
    report = check_dataset(tmp_path)
    assert [item.id for item in report.description.items("all")] == ["0"]
    with pytest.raises(DataError, match="has 1 problems"):
        report.require_ok()


def test_masks_of_0_and_255_need_a_rule(tmp_path):
    write_image(tmp_path / "images" / "a.png")
    mask(tmp_path / "masks" / "a.png", 0, 255)
    assert "could be an object or void" in whats(check_dataset(tmp_path))["masks"]
    report = check_dataset(tmp_path, rules=MaskRules(coding="binary_255"))
    assert report.ok
    assert report.statistics["all"].pixels == (24, 24)
    assert check_dataset(tmp_path, rules=MaskRules(coding="index")).statistics["all"].void_pixels == 24


def test_a_zero_that_is_no_class_needs_a_rule(tmp_path):
    write_image(tmp_path / "images" / "a.png")
    mask(tmp_path / "masks" / "a.png", 0, 1)
    text(tmp_path / "classes.txt", "1 road", "2 car")
    assert "void=(0,)" in check_dataset(tmp_path).problems[0].cure
    assert check_dataset(tmp_path, rules=MaskRules(void=(0,))).ok


def test_colours_are_read_by_the_table(tmp_path):
    write_image(tmp_path / "images" / "a.png", size=(1, 2))
    save(tmp_path / "masks" / "a.png", np.array([[[9, 9, 9], [1, 2, 3]]], np.uint8))
    text(tmp_path / "classes.txt", "road 9 9 9", "car 1 2 3")
    report = check_dataset(tmp_path)
    assert (report.ok, report.description.coding, report.statistics["all"].pixels) == (True, "colour", (1, 1))


def test_stray_colours_are_counted_and_refused_unless_allowed(tmp_path):
    write_image(tmp_path / "images" / "a.png", size=(1, 4))
    save(tmp_path / "masks" / "a.png", np.array([[[9, 9, 9]] * 3 + [[9, 9, 8]]], np.uint8))
    text(tmp_path / "classes.txt", "road 9 9 9", "car 1 2 3")
    assert "(9, 9, 8) (1 pixels)" in whats(check_dataset(tmp_path))["masks/a.png"]
    assert check_dataset(tmp_path, rules=MaskRules(stray=0.25)).ok


def test_colours_without_names_become_classes(tmp_path):
    write_image(tmp_path / "images" / "a.png", size=(1, 2))
    save(tmp_path / "masks" / "a.png", np.array([[[0, 0, 0], [255, 0, 0]]], np.uint8))
    report = check_dataset(tmp_path)
    assert (report.ok, report.description.classes.names) == (True, ("#000000", "#ff0000"))
    assert "nothing names the classes" in warnings(report)[0]


def test_instance_ids_are_no_classes(tmp_path):
    write_image(tmp_path / "images" / "a.png", size=(1, 2))
    save(tmp_path / "masks" / "a.png", np.array([[1000, 2000]], np.uint16))
    with pytest.raises(DataError, match="from 1000 to 2000"):
        check_dataset(tmp_path)
    text(tmp_path / "classes.txt", "1000 cat", "2000 dog")
    assert check_dataset(tmp_path).statistics["all"].pixels == (1, 1)


def test_smeared_ids_are_recognised(tmp_path):
    write_image(tmp_path / "images" / "a.png", size=(8, 8))
    save(tmp_path / "masks" / "a.png", np.arange(64, dtype=np.uint8).reshape(8, 8))
    text(tmp_path / "classes.txt", "road", "car")
    assert "saved as JPEG" in check_dataset(tmp_path).problems[0].what


def test_a_mask_of_void_alone_is_reported(tmp_path):
    mask(pairs(tmp_path) / "masks" / "1.png", 255)
    assert "every pixel is void" in warnings(check_dataset(tmp_path))


def test_classes_that_never_occur_are_reported(tmp_path):
    text(pairs(tmp_path) / "classes.txt", "road", "car", "bus")
    assert warnings(check_dataset(tmp_path)) == ["1 of 3 classes never occur in it: bus"]


def test_the_same_image_in_train_and_val_is_reported(tmp_path):
    pairs(tmp_path, "train")
    pairs(tmp_path, "val", first=1)
    assert "the same image as 'images/val/1.png' of another split" in warnings(check_dataset(tmp_path))


def test_a_recompressed_twin_is_reported(tmp_path):
    blobs = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    smooth = np.array(Image.fromarray(blobs).resize((90, 80), Image.Resampling.BICUBIC))
    save(tmp_path / "images" / "train" / "a.png", smooth)
    save(tmp_path / "images" / "val" / "b.jpg", smooth)
    assert "nearly the same image as 'images/val/b.jpg' of another split" in warnings(check_dataset(tmp_path))


def test_names_that_differ_in_capitals_or_suffix_are_reported(tmp_path):
    for name in ("a.png", "A.png", "b.png", "b.jpg"):
        write_image(tmp_path / "images" / name)
    report = check_dataset(tmp_path)
    assert whats(report) == {"images/b.png": "same name as 'b.jpg'"}
    assert "only in capitals" in warnings(report)[0]


def test_a_link_to_nothing_is_reported(tmp_path):
    (pairs(tmp_path) / "images" / "2.png").symlink_to(tmp_path / "gone.png")
    mask(tmp_path / "masks" / "2.png", 0, 1)
    assert "links to a file that is gone" in whats(check_dataset(tmp_path))["images/2.png"]


def test_a_second_check_decodes_nothing(tmp_path, monkeypatch):
    first = check_dataset(pairs(tmp_path))
    monkeypatch.setattr("seglet.data.checking.scan._EXAMINERS", {})
    assert check_dataset(tmp_path) == first
    (tmp_path / "masks" / "0.png").touch()
    assert check_dataset(tmp_path) == first


def test_a_changed_mask_is_noticed(tmp_path):
    first = check_dataset(pairs(tmp_path))
    mask(tmp_path / "masks" / "0.png", 1, 0)
    assert check_dataset(tmp_path).description != first.description


@pytest.mark.parametrize("content", ["", "{}", '{"version": 1, "stamps": [], "facts": 3}'])
def test_a_damaged_memory_is_started_anew(tmp_path, content):
    text(cache_folder_for(pairs(tmp_path)) / "scan.json", content)
    assert check_dataset(tmp_path).ok


def test_a_read_only_folder_is_remembered_in_the_cache(tmp_path, cache):
    pairs(tmp_path).chmod(0o555)
    check_dataset(tmp_path)
    assert len(list(cache.rglob("scan.json"))) == 1
    assert not (tmp_path / ".seglet").exists()


def test_progress_counts_files(tmp_path):
    calls = []
    check_dataset(pairs(tmp_path), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_two_runs_report_the_same(tmp_path):
    pairs(tmp_path, count=9)
    first = check_dataset(tmp_path)
    (cache_folder_for(tmp_path) / "scan.json").unlink()
    assert replace(check_dataset(tmp_path)) == first


@pytest.mark.parametrize("wrong", [{"stray": 2.0}, {"max_pixels": 0}])
def test_rules_out_of_range_are_refused(wrong):
    with pytest.raises(DataError):
        MaskRules(**wrong)


def test_a_table_beside_the_data_goes_before_the_classes_of_a_layout(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / "JPEGImages" / f"{name}.jpg", shade=ord(name))
        mask(tmp_path / "SegmentationClass" / f"{name}.png", 0, 1)
    (assumed,) = (what for what in warnings(check_dataset(tmp_path)) if "assumed" in what)
    assert "the 21 classes of PASCAL VOC are assumed" in assumed
    assert "masks hold 2 of 21 assumed classes: background, aeroplane" in assumed
    text(tmp_path / "class_names.txt", "_background_", "crack")
    report = check_dataset(tmp_path)
    assert (report.problems, report.description.classes.names) == ((), ("_background_", "crack"))
    assert report.class_file == tmp_path / "class_names.txt"


def test_a_layout_of_colours_is_read_by_the_table_of_its_tool(tmp_path):
    write_image(tmp_path / "JPEGImages" / "a.jpg", size=(1, 4))
    save(tmp_path / "SegmentationClass" / "a.png", np.array([[[0, 0, 0]] * 3 + [[250, 50, 83]]], np.uint8))
    text(tmp_path / "labelmap.txt", "# label:color_rgb:parts:actions", "background:0,0,0::", "crack:250,50,83::")
    report = check_dataset(tmp_path)
    assert (report.ok, report.description.coding, report.statistics["all"].pixels) == (True, "colour", (3, 1))


def ade(root, *ids):
    for name in ("training", "validation"):
        write_image(root / "images" / name / f"{name}.jpg", shade=len(name))
        mask(root / "annotations" / name / f"{name}.png", *ids)
    return root


def test_own_ids_are_kept_in_the_layout_of_ade20k(tmp_path):
    text(ade(tmp_path, 0, 1) / "classes.txt", "0 background", "1 crack")
    split = check_dataset(tmp_path).statistics["train"]
    assert (split.pixels, split.void_pixels) == ((24, 24), 0)


@pytest.mark.parametrize("lines", [("1 crack", "2 spall"), ("crack", "spall")])
def test_the_unlabelled_value_of_ade20k_stays_void_where_no_table_names_it(tmp_path, lines):
    text(ade(tmp_path, 0, 1, 2, 0) / "classes.txt", *lines)
    report = check_dataset(tmp_path)
    assert report.description.classes.names == ("crack", "spall")
    assert (report.statistics["train"].pixels, report.statistics["train"].void_pixels) == ((12, 12), 24)
    assert any("numbered from 1" in what for what in warnings(report)) == (len(lines[0].split()) == 1)


def test_masks_drawn_from_annotations_keep_their_classes(tmp_path):
    outline = [{"id": 1, "image_id": 5, "category_id": 7, "segmentation": [[0, 0, 4, 0, 4, 6, 0, 6]]}]
    data = {"images": [{"id": 5, "file_name": "5.jpg", "height": 6, "width": 8}], "annotations": outline,
            "categories": [{"id": 7, "name": "crack"}]}  # fmt: skip
    write_image(tmp_path / "images" / "5.jpg")
    text(tmp_path / "annotations" / "instances_train.json", json.dumps(data))
    text(tmp_path / "classes.txt", "0 background", "7 spall")
    report = check_dataset(tmp_path)
    assert report.description.classes.names == ("background", "crack")
    assert "names 'spall', which the annotations do not" in warnings(report)[0]


def test_only_values_that_are_there_become_classes(tmp_path):
    write_image(tmp_path / "images" / "a.png")
    mask(tmp_path / "masks" / "a.png", 85, 170)
    report = check_dataset(tmp_path)
    assert (report.ok, report.description.classes.names) == (True, ("class_85", "class_170"))
    assert report.statistics["all"].pixels == (24, 24)


def test_grey_levels_with_255_need_a_table(tmp_path):
    write_image(tmp_path / "images" / "a.png")
    mask(tmp_path / "masks" / "a.png", 0, 85, 170, 255)
    assert "hold 0, 85, 170 and 255, and nothing says" in whats(check_dataset(tmp_path))["masks"]
    text(tmp_path / "classes.txt", "0 background", "85 low", "170 middle", "255 high")
    assert check_dataset(tmp_path).statistics["all"].pixels == (12, 12, 12, 12)


def test_a_table_may_say_that_255_is_a_class(tmp_path):
    write_image(tmp_path / "images" / "a.png")
    mask(tmp_path / "masks" / "a.png", 0, 255)
    text(tmp_path / "classes.txt", "0 background", "255 crack")
    assert check_dataset(tmp_path).statistics["all"].pixels == (24, 24)


def smoothed(root):
    """Masks of 40 x 40 whose right half is the object, with 10 columns of greys at the border."""
    ramp = np.concatenate([np.zeros(15), np.linspace(23, 232, 10), np.full(15, 255)]).astype(np.uint8)
    greys = np.tile(ramp, (40, 1))
    greys[:, 15:25] += np.arange(40, dtype=np.uint8)[:, None] % 3
    for name in ("a", "b"):
        write_image(root / "images" / f"{name}.png", shade=ord(name), size=(40, 40))
        save(root / "masks" / f"{name}.png", greys)
    return root


def test_smoothed_masks_of_one_object_are_refused_with_the_cure(tmp_path):
    report = check_dataset(smoothed(tmp_path))
    (problem,) = report.errors
    assert "30 greys between black and white" in problem.what
    assert "--coding binary_255 --threshold 128" in problem.cure
    assert report.undecided


def test_smoothed_masks_are_read_at_a_threshold(tmp_path):
    report = check_dataset(smoothed(tmp_path), rules=MaskRules(coding="binary_255"))
    assert (report.ok, report.description.threshold) == (True, 128)
    assert report.statistics["all"].pixels == (2 * 40 * 20, 2 * 40 * 20)
    assert "those from 128 up are the object" in warnings(report)[0]
    labels = report.description.read_labels(report.description.items("all")[0])
    assert labels.sum() == 40 * 20
    higher = check_dataset(tmp_path, rules=MaskRules(threshold=200)).statistics["all"].pixels
    assert higher == (2 * 40 * 23, 2 * 40 * 17)


def test_ids_of_several_classes_are_no_smoothed_mask(tmp_path):
    write_image(tmp_path / "images" / "a.png", size=(16, 16))
    save(tmp_path / "masks" / "a.png", np.arange(256, dtype=np.uint8).reshape(16, 16) % 100)
    assert len(check_dataset(tmp_path).description.classes) == 100
    mask(tmp_path / "masks" / "a.png", 0, 1, 2, 255, size=(16, 16))
    report = check_dataset(tmp_path, rules=MaskRules(coding="binary_255"))
    assert (report.ok, report.description.threshold) == (False, None)


def test_jpeg_masks_of_one_object_are_read_where_the_user_says_so(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / "images" / f"{name}.png", shade=ord(name), size=(32, 64))
        square = np.zeros((32, 64, 3), np.uint8)
        square[8:24, 20:52] = 255
        save(tmp_path / "masks" / f"{name}.jpg", square)
    refused = check_dataset(tmp_path)
    assert "check with --coding binary_255" in refused.errors[0].cure
    report = check_dataset(tmp_path, rules=MaskRules(coding="binary_255"))
    assert report.ok
    assert report.statistics["all"].pixels == (2 * (32 * 64 - 16 * 32), 2 * 16 * 32)
    assert report.description.read_labels(report.description.items("all")[0]).sum() == 16 * 32


def test_a_photograph_is_no_mask_of_one_object(tmp_path):
    write_image(tmp_path / "images" / "a.png", size=(32, 32))
    save(tmp_path / "masks" / "a.jpg", np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8))
    report = check_dataset(tmp_path, rules=MaskRules(coding="binary_255"))
    assert "neither black nor white" in report.errors[0].what


def test_smoothed_colours_are_no_classes(tmp_path):
    write_image(tmp_path / "images" / "a.png", size=(8, 30))
    share = np.concatenate([np.zeros(5), np.linspace(0.04, 0.96, 20), np.ones(5)])[None, :, None]
    row = ((1 - share) * (10, 200, 30) + share * (240, 20, 90)).round().astype(np.uint8)
    save(tmp_path / "masks" / "a.png", np.tile(row, (8, 1, 1)))
    assert "mix others, as smoothing leaves them" in whats(check_dataset(tmp_path))["masks"]


@pytest.mark.parametrize("table", [("0 background", "1 crack"), ()])
def test_ids_repeated_in_three_channels_are_ids(tmp_path, table):
    write_image(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a.png", np.repeat(np.resize([0, 0, 0, 1], (6, 8, 1)), 3, axis=2).astype(np.uint8))
    if table:
        text(tmp_path / "classes.txt", *table)
    report = check_dataset(tmp_path)
    assert (report.ok, report.description.coding, report.statistics["all"].pixels) == (True, "index", (36, 12))
    assert report.description.read_labels(report.description.items("all")[0]).sum() == 12


def test_greys_that_are_colours_of_the_table_are_colours(tmp_path):
    write_image(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a.png", np.repeat(np.resize([0, 128], (6, 8, 1)), 3, axis=2).astype(np.uint8))
    text(tmp_path / "classes.txt", "0 background 0 0 0", "1 crack 128 128 128")
    report = check_dataset(tmp_path)
    assert (report.description.coding, report.statistics["all"].pixels) == ("colour", (24, 24))


def test_a_single_class_is_nothing_to_learn(tmp_path):
    text(pairs(tmp_path) / "classes.txt", "1 crack")
    report = check_dataset(tmp_path, rules=MaskRules(void=(0,)))
    assert "a single class, 'crack', counts" in whats(report)["classes"]
    assert report.undecided


def test_a_name_that_is_no_utf8_is_one_error_with_its_name(tmp_path):
    text(pairs(tmp_path, count=3) / "classes.txt", "road", "car")
    for folder in ("images", "masks"):
        home = tmp_path / folder
        try:
            (home / "2.png").rename(home / os.fsdecode(b"stra\xdfe.png"))
        except OSError:
            pytest.skip("this file system has UTF-8 names alone")
    report = check_dataset(tmp_path)
    (problem,) = report.errors
    assert "stra" in problem.file
    assert str(problem).encode().startswith(b"'images/stra")
    report.description.save(tmp_path / "dataset.json")
    assert [item.id for item in report.description.items("all")] == ["0", "1"]


def test_names_without_background_are_one_too_few(tmp_path):
    write_image(tmp_path / "images" / "a.png")
    mask(tmp_path / "masks" / "a.png", 0, 1, 2, 0)
    text(tmp_path / "classes.txt", "crack", "spall")
    assert "if 0 is background, put it first in the class table" in check_dataset(tmp_path).errors[0].cure


def test_a_table_that_is_none_ends_the_check_before_files_are_read(tmp_path):
    text(pairs(tmp_path) / "classes.txt", "0 background", "crack")
    with pytest.raises(DataError, match="line 2 'crack' is not written like line 1"):
        check_dataset(tmp_path, progress=lambda done, total: pytest.fail("a file was read"))


def test_a_table_inside_the_folder_of_masks_is_found(tmp_path):
    text(pairs(tmp_path, "train") / "masks" / "train" / "classes.txt", "0 road", "1 car")
    assert check_dataset(tmp_path).description.classes.names == ("road", "car")
