import json

import numpy as np
import pytest
from tests.data.disk import mask, pairs, text, write_image

from seglet.data.checking.check import check_dataset
from seglet.data.class_table import classes_of
from seglet.data.errors import DataError
from seglet.data.layouts.infer import infer_layout
from seglet.data.opening import open_dataset
from seglet.types import IGNORE


def ids(found):
    return {name: [item.id for item in items] for name, items in found.splits.items()}


def test_voc_takes_its_lists_as_splits(tmp_path):
    home = tmp_path / "VOCdevkit" / "VOC2012"
    for name in ("a", "b", "c"):
        write_image(home / "JPEGImages" / f"{name}.jpg")
    mask(home / "SegmentationClass" / "a.png", 0, 255)
    mask(home / "SegmentationClassAug" / "b.png", 1, 20)
    text(home / "ImageSets" / "Segmentation" / "train.txt", "b")
    text(home / "ImageSets" / "Segmentation" / "val.txt", "a", "c")
    found = infer_layout(tmp_path)
    assert (found.layout, ids(found)) == ("voc", {"all": ["a", "b"], "train": ["b"], "val": ["a", "c"]})
    assert [item.id for item in found.unmasked] == ["c"]


def test_the_official_lists_pick_from_a_voc_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("seglet.data.folder_dataset.official_split_ids", lambda name: ("b",))
    for name in ("a", "b"):
        write_image(tmp_path / "JPEGImages" / f"{name}.jpg")
        mask(tmp_path / "SegmentationClass" / f"{name}.png", 0, 15)
    assert open_dataset(str(tmp_path), "pascal/92/labeled").read(0).tags == (15,)
    assert open_dataset(str(tmp_path), "voc/92").ids == ("b",)
    unlabelled = open_dataset(str(tmp_path), "pascal/92/unlabeled")
    assert (unlabelled.ids, unlabelled.read(0).labels) == (("b",), None)


def test_an_official_list_needs_one_image_for_each_name(tmp_path, monkeypatch):
    monkeypatch.setattr("seglet.data.folder_dataset.official_split_ids", lambda name: ("b",))
    for folder in ("x", "y"):
        write_image(tmp_path / "images" / folder / "b.jpg")
        mask(tmp_path / "masks" / folder / "b.png", 0, 1)
    with pytest.raises(DataError, match=r"1 of 1 images of list .* \(1 are there more than once\)"):
        open_dataset(str(tmp_path), "pascal/92/labeled")


def test_an_official_list_that_is_not_there_is_reported(tmp_path):
    write_image(tmp_path / "JPEGImages" / "a.jpg")
    mask(tmp_path / "SegmentationClass" / "a.png", 0, 1)
    with pytest.raises(DataError, match="92 of 92 images of list"):
        open_dataset(str(tmp_path), "pascal/92/labeled")


@pytest.mark.parametrize(("kind", "road", "car"), [("labelIds", 7, 26), ("labelTrainIds", 0, 13)])
def test_cityscapes_ids_become_the_nineteen_classes(tmp_path, kind, road, car):
    write_image(tmp_path / "leftImg8bit" / "val" / "ulm" / "ulm_000000_000001_leftImg8bit.png")
    void = 4 if kind == "labelIds" else 255
    mask(tmp_path / "gtFine" / "val" / "ulm" / f"ulm_000000_000001_gtFine_{kind}.png", road, car, void, road)
    mask(tmp_path / "gtFine" / "val" / "ulm" / "ulm_000000_000001_gtFine_instanceIds.png", 1)
    dataset = open_dataset(str(tmp_path), "val")
    assert (dataset.ids, len(dataset.classes)) == (("ulm_000000_000001",), 19)
    assert dataset.read(0).labels[0].tolist() == [0, 0, 13, 13, IGNORE, IGNORE, 0, 0]


def test_cityscapes_without_masks_is_unlabelled(tmp_path):
    write_image(tmp_path / "leftImg8bit" / "train" / "ulm" / "ulm_1_leftImg8bit.png")
    assert open_dataset(str(tmp_path), "train").read(0).labels is None


def test_ade20k_ids_begin_at_one_and_zero_is_void(tmp_path):
    for folder, name in (("training", "ADE_train_1"), ("validation", "ADE_val_1")):
        write_image(tmp_path / "images" / folder / f"{name}.jpg")
        mask(tmp_path / "annotations" / folder / f"{name}.png", 0, 1, 150, 1)
    text(tmp_path / "objectInfo150.txt", "Idx\tRatio\tName", *(f"{n}\t0.1\tthing {n}, it" for n in range(1, 151)))
    dataset = open_dataset(str(tmp_path), "val")
    assert dataset.classes.names[149] == "thing 150, it"
    assert dataset.read(0).labels[0].tolist() == [IGNORE, IGNORE, 0, 0, 149, 149, 0, 0]


def test_camvid_as_segnet_split_it(tmp_path):
    for name in ("train", "val", "test"):
        write_image(tmp_path / name / "0001TP_006690.png", shade=len(name))
        mask(tmp_path / f"{name}annot" / "0001TP_006690.png", 0, 11)
    found = infer_layout(tmp_path)
    assert (found.layout, list(found.splits)) == ("camvid", ["train", "val", "test"])
    assert open_dataset(str(tmp_path), "test").read(0).labels[0].tolist() == [0] * 4 + [IGNORE] * 4


def test_camvid_frames_in_plain_folders_are_known_by_their_names(tmp_path):
    write_image(tmp_path / "images" / "val" / "0016E5_07959.jpg")
    mask(tmp_path / "masks" / "val" / "0016E5_07959.png", 3, 11)
    assert open_dataset(str(tmp_path), "val").classes.names[3] == "road"


def coco(root):
    annotations = [
        {"id": 1, "image_id": 5, "category_id": 18, "iscrowd": 0, "segmentation": [[0, 0, 4, 0, 4, 6, 0, 6]]},
        {"id": 2, "image_id": 5, "category_id": 3, "iscrowd": 1, "segmentation": {"size": [6, 8], "counts": [36, 12]}},
    ]
    data = {
        "images": [{"id": 5, "file_name": "000005.jpg", "height": 6, "width": 8}],
        "categories": [{"id": 3, "name": "car"}, {"id": 18, "name": "dog"}],
        "annotations": annotations,
    }
    write_image(root / "val2017" / "000005.jpg")
    text(root / "annotations" / "instances_val2017.json", json.dumps(data))
    return root


def test_coco_objects_are_drawn(tmp_path):
    dataset = open_dataset(str(coco(tmp_path)), "val")
    assert dataset.classes.names == ("background", "car", "dog")
    assert dataset.read(0).labels[0].tolist() == [2, 2, 2, 2, 0, 0, IGNORE, IGNORE]


def coco_of(root, files, categories):
    """A COCO set of files, each with one object over its left half, of the category at the same place in the list."""
    box = [[0, 0, 4, 0, 4, 6, 0, 6]]
    data = {
        "images": [{"id": place, "file_name": file, "height": 6, "width": 8} for place, file in enumerate(files)],
        "categories": [{"id": place, "name": name} for place, name in enumerate(categories)],
        "annotations": [
            {"id": place, "image_id": place, "category_id": place, "iscrowd": 0, "segmentation": box}
            for place in range(len(files))
        ],
    }
    for place, file in enumerate(dict.fromkeys(files)):
        write_image(root / "images" / file, shade=place)
    text(root / "annotations" / "instances_train.json", json.dumps(data))
    return root


@pytest.mark.parametrize("name", ["background", "Background", "_background_"])
def test_the_category_called_background_is_the_background(tmp_path, name):
    dataset = open_dataset(str(coco_of(tmp_path, ["a.png", "b.png"], [name, "crack"])), "train")
    assert dataset.classes.names == ("background", "crack")
    assert [np.unique(dataset.read(index).labels).tolist() for index in range(2)] == [[0], [0, 1]]


def test_categories_of_one_name_are_one_class(tmp_path):
    found = infer_layout(coco_of(tmp_path, ["a.png", "b.png", "c.png"], ["crack", "spall", "crack"]))
    assert [entry.name for entry in found.entries] == ["background", "crack", "spall"]
    assert "read as one class: 'crack' (2)" in found.problems[0].what
    dataset = open_dataset(str(tmp_path), "train")
    assert [dataset.read(index).tags for index in range(3)] == [(1,), (2,), (1,)]


@pytest.mark.parametrize(
    "files", [["a.jpg", "a.png", "b.png"], ["a.png", "a.png", "b.png"], ["A.png", "a.png", "b.png"]]
)
def test_no_image_gets_the_mask_of_another_file_of_its_name(tmp_path, files):
    found = infer_layout(coco_of(tmp_path, files, ["crack", "spall", "rust"]))
    assert ids(found) == {"train": ["b"]}
    assert [problem.file for problem in found.problems] == files[:2]
    assert "have one name" in found.problems[0].what


def test_coco_masks_that_were_drawn_stay(tmp_path):
    first = check_dataset(coco(tmp_path)).description.items("val")[0].mask
    stamp = first.stat().st_mtime_ns
    assert check_dataset(tmp_path).description.items("val")[0].mask.stat().st_mtime_ns == stamp


def test_coco_objects_that_cannot_be_drawn_are_reported_every_time(tmp_path):
    file = coco(tmp_path) / "annotations" / "instances_val2017.json"
    file.write_text(file.read_text().replace("[36, 12]", "[36, 13]"))
    for _ in range(2):
        with pytest.raises(DataError, match="object 2 cannot be drawn"):
            infer_layout(tmp_path)


def test_coco_masks_may_be_there_already(tmp_path):
    write_image(tmp_path / "train2017" / "1.jpg")
    mask(tmp_path / "masks" / "1.png", 0, 80)
    dataset = open_dataset(str(tmp_path), "train")
    assert (len(dataset.classes), dataset.classes.names[80]) == (81, "toothbrush")
    assert dataset.read(0).tags == (80,)


def test_plain_folders_are_one_split(tmp_path):
    found = infer_layout(pairs(tmp_path))
    assert (found.layout, ids(found)) == ("folders", {"all": ["0", "1"]})


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_folders_may_name_splits_in_several_ways(tmp_path, name):
    pairs(tmp_path, "train")
    pairs(tmp_path, name, first=2)
    assert ids(infer_layout(tmp_path)) == {"train": ["0", "1"], "val": ["2", "3"]}


def test_splits_may_come_first(tmp_path):
    pairs(tmp_path / "train")
    pairs(tmp_path / "val", first=2)
    assert ids(infer_layout(tmp_path)) == {"train": ["0", "1"], "val": ["2", "3"]}


def test_lists_may_make_the_splits(tmp_path):
    pairs(tmp_path, count=3)
    text(tmp_path / "lists" / "train.txt", "images/0.png masks/0.png", "2")
    text(tmp_path / "lists" / "val.txt", "1.png", "gone")
    found = infer_layout(tmp_path)
    assert ids(found) == {"train": ["0", "2"], "val": ["1"]}
    assert "listed in val.txt" in found.problems[0].what


def test_other_folders_inside_belong_to_the_id(tmp_path):
    pairs(tmp_path, "town")
    assert ids(infer_layout(tmp_path)) == {"all": ["town/0", "town/1"]}


def test_masks_may_add_to_the_name(tmp_path):
    write_image(tmp_path / "imgs" / "a.jpg")
    mask(tmp_path / "labels" / "a_mask.png", 0, 1)
    assert infer_layout(tmp_path).splits["all"][0].mask.name == "a_mask.png"


def test_two_folders_may_be_given(tmp_path):
    write_image(tmp_path / "photos" / "a.jpg")
    mask(tmp_path / "elsewhere" / "a.png", 0, 1)
    found = infer_layout(tmp_path / "photos", tmp_path / "elsewhere")
    assert found.splits["all"][0].mask == tmp_path / "elsewhere" / "a.png"


def test_another_mask_folder_brings_its_own_classes(tmp_path):
    pairs(tmp_path)
    mask(tmp_path / "masks_fg" / "0.png", 0)
    text(tmp_path / "classes.txt", "a", "b")
    text(tmp_path / "classes_fg.txt", "nothing", "something")
    assert check_dataset(tmp_path, tmp_path / "masks_fg").description.classes.names == ("nothing", "something")


def test_images_alone_are_unlabelled(tmp_path):
    write_image(tmp_path / "deep" / "a.jpg")
    dataset = open_dataset(str(tmp_path), "all")
    assert dataset.read(0).labels is None
    assert dataset.read(0).tags is None


def test_the_scan_skips_litter_and_follows_links_once(tmp_path):
    pairs(tmp_path)
    write_image(tmp_path / "images" / ".hidden.png")
    (tmp_path / "images" / "Thumbs.db").touch()
    (tmp_path / "images" / "loop").symlink_to(tmp_path / "images")
    (tmp_path / "images" / "folder.png").mkdir()
    for litter in ("@eaDir/0.png/SYNOPHOTO_THUMB_M.png", "__MACOSX/images/0.png", "#recycle/2.png"):
        write_image(tmp_path / "images" / litter)
        write_image(tmp_path / litter)
    assert ids(infer_layout(tmp_path)) == {"all": ["0", "1"]}


def test_odd_names_are_found(tmp_path):
    names = ["UPPER case.JPG", "ünï_图片.jpg", "line\nbreak.jpg"]
    for name in names:
        write_image(tmp_path / "images" / name)
    assert sorted(ids(infer_layout(tmp_path))["all"]) == sorted(name.rsplit(".", 1)[0] for name in names)


def test_names_meet_across_ways_to_write_accents(tmp_path):
    write_image(tmp_path / "images" / "u\u0308.jpg")
    mask(tmp_path / "masks" / "\u00fc.png", 0, 1)
    assert infer_layout(tmp_path).splits["all"][0].mask is not None


@pytest.mark.parametrize("make", [lambda root: None, lambda root: text(root / "a.txt", "x"), lambda root: root.rmdir()])
def test_a_folder_with_nothing_to_learn_from_is_reported(tmp_path, make):
    root = tmp_path / "data"
    root.mkdir()
    make(root)
    with pytest.raises(DataError, match=r"no images found|is not a folder"):
        infer_layout(root)


def test_labels_survive_the_way_to_disk_and_back(tmp_path):
    pairs(tmp_path)
    assert np.unique(open_dataset(str(tmp_path), "all").read(0).labels).tolist() == [0, 1]


def test_images_beside_a_folder_of_their_masks_are_paired(tmp_path):
    write_image(tmp_path / "0.png")
    mask(tmp_path / "masks/0.png", 0, 1)
    (item,) = infer_layout(tmp_path).splits["all"]
    assert item.mask == tmp_path / "masks/0.png"


def test_masks_taken_for_images_are_pointed_out(tmp_path):
    write_image(tmp_path / "a/images/0.png")
    mask(tmp_path / "a/masks/0.png", 0, 1)
    found = infer_layout(tmp_path)
    assert len(found.splits["all"]) == 2
    assert [problem.file for problem in found.problems] == [str(tmp_path / "a/masks")]


def test_acdc_has_splits_by_condition_and_references_without_masks(tmp_path):
    for place, kind in (("night/train", ""), ("night/train_ref", "_ref"), ("fog/train", ""), ("night/val", "")):
        write_image(tmp_path / "rgb_anon" / place / "G1" / f"G1_f1_rgb{kind}_anon.png")
        if not kind:
            mask(tmp_path / "gt" / place / "G1" / "G1_f1_gt_labelTrainIds.png", 0, 13, 255, 1)
            mask(tmp_path / "gt" / place / "G1" / "G1_f1_gt_labelIds.png", 7, 26, 0, 8)
            mask(tmp_path / "gt" / place / "G1" / "G1_f1_gt_invIds.png", 1)
    found = infer_layout(tmp_path)
    assert ids(found) == {
        "fog/train": ["fog/train/G1/G1_f1"],
        "night/train": ["night/train/G1/G1_f1"],
        "night/train_ref": ["night/train_ref/G1/G1_f1"],
        "night/val": ["night/val/G1/G1_f1"],
        "train": ["fog/train/G1/G1_f1", "night/train/G1/G1_f1"],
        "val": ["night/val/G1/G1_f1"],
    }
    assert not found.problems
    dataset = open_dataset(str(tmp_path), "night/val")
    assert dataset.read(0).labels[0].tolist() == [0, 0, 13, 13, IGNORE, IGNORE, 1, 1]
    assert open_dataset(str(tmp_path), "night/train_ref").read(0).labels is None


def test_dark_zurich_has_the_split_first(tmp_path):
    write_image(tmp_path / "rgb_anon" / "val" / "night" / "G1" / "G1_f1_rgb_anon.png")
    mask(tmp_path / "gt" / "val" / "night" / "G1" / "G1_f1_gt_labelIds.png", 7, 26)
    write_image(tmp_path / "rgb_anon" / "val_ref" / "day" / "G1" / "G1_f1_rgb_ref_anon.png")
    assert set(ids(infer_layout(tmp_path))) == {"val/night", "val_ref/day", "val"}
    assert open_dataset(str(tmp_path), "val").read(0).labels[0].tolist() == [0, 0, 0, 0, 13, 13, 13, 13]


def test_bdd100k_has_train_ids(tmp_path):
    for split in ("train", "test"):
        write_image(tmp_path / "images" / "10k" / split / "a.jpg")
    mask(tmp_path / "labels" / "sem_seg" / "masks" / "train" / "a.png", 0, 13, 255, 18)
    found = infer_layout(tmp_path)
    assert (found.layout, ids(found), found.unmasked) == ("bdd100k", {"test": ["a"], "train": ["a"]}, ())
    assert open_dataset(str(tmp_path), "train").read(0).labels[0].tolist() == [0, 0, 13, 13, IGNORE, IGNORE, 18, 18]


@pytest.mark.parametrize(("ending", "value", "inner"), [("_labelIds", 26, ""), ("_trainIds", 13, "NightCity-label/")])
def test_nightcity_has_label_ids_or_train_ids(ending, value, inner, tmp_path):
    for split, name in (("train", "Paris_01"), ("val", "Oslo_02")):
        write_image(tmp_path / "NightCity-images/images" / split / f"{name}.png", shade=len(split))
        mask(tmp_path / f"NightCity-label/{inner}label" / split / f"{name}{ending}.png", value)
    found = infer_layout(tmp_path)
    assert (found.layout, ids(found), found.unmasked) == ("nightcity", {"train": ["Paris_01"], "val": ["Oslo_02"]}, ())
    data = open_dataset(str(tmp_path), "train")
    assert data.classes.names[data[0].labels[0, 0]] == "car"


def test_exdark_has_the_classes_of_its_boxes_as_tags_and_the_splits_of_its_list(tmp_path):
    for shade, name in enumerate(("Cat/1.jpg", "Dog/2.PNG")):
        write_image(tmp_path / "ExDark" / name.replace(".PNG", ".png"), shade=shade)
        boxes = "% bbGt version=3", "Dog 204 28 271 193 0 0 0 0 0 0 0", "People 1 1 2 2 0 0 0 0 0 0 0"
        text(tmp_path / "ExDark_Annno" / f"{name}.txt", *boxes[: 3 - shade])
    text(
        tmp_path / "imageclasslist.txt",
        "Name | Class | Light | In/Out | Train/Val/Test",
        "1.jpg 6 1 1 1",
        "2.png 9 1 2 3",
    )
    data = open_dataset(str(tmp_path), "train")
    assert [(sample.id, sample.tags, sample.labels) for sample in data] == [("Cat/1", (9, 11), None)]
    (test,) = open_dataset(str(tmp_path), "test")
    assert (test.id, [data.classes.names[tag] for tag in test.tags]) == ("Dog/2", ["dog"])


def test_coco_is_read_as_work_on_weak_supervision_arranges_it(tmp_path):
    for split, number in (("train2014", "000000000009"), ("val2014", "000000000042"), ("val2014", "000000000043")):
        write_image(tmp_path / "JPEGImages" / split / f"COCO_{split}_{number}.jpg")
        if number != "000000000043":
            mask(tmp_path / "SegmentationClass" / split / f"{number}.png", 0, 80, 255)
    found = infer_layout(tmp_path)
    assert found.layout == "coco"
    assert {name: len(items) for name, items in found.splits.items()} == {"train": 1, "val": 1}
    assert classes_of(found.entries).names[1:81:79] == ("person", "toothbrush")
    (told,) = [problem for problem in found.problems if problem.file.endswith("val2014")]
    assert (told.severity, told.what) == ("warning", "1 of 2 images have no mask and are left out")


def test_masks_of_coco_are_drawn_for_images_in_jpegimages(tmp_path):
    write_image(tmp_path / "JPEGImages/train2014/a.png")
    document = {"images": [{"id": 1, "file_name": "a.png", "height": 6, "width": 8}], "annotations": [],
                "categories": [{"id": 1, "name": "cat"}]}  # fmt: skip
    text(tmp_path / "instances_train2014.json", json.dumps(document))
    found = infer_layout(tmp_path)
    assert (found.layout, [item.id for item in found.splits["train"]]) == ("coco", ["a"])
