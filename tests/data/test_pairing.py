"""Images find their masks by names as people write them; what is not certain is asked."""

import numpy as np
import pytest
from PIL import Image
from tests.data.disk import mask, pairs, text, write_image

from seglet.data.checking.check import check_dataset
from seglet.data.errors import DataError
from seglet.data.layouts.infer import infer_layout
from seglet.data.layouts.name_pairing import pair_names
from seglet.data.layouts.patterns import learn_pattern, parse_name_pattern


def paired(found):
    """Masks by the ids of their images, for each split."""
    return {split: {item.id: item.mask and item.mask.name for item in items} for split, items in found.splits.items()}


def problems(found, severity):
    return [str(problem) for problem in found.problems if problem.severity == severity]


def grown(root, images, masks):
    """Writes images below images/ and masks of two values below masks/."""
    for place, name in enumerate(images):
        write_image(root / "images" / name, shade=place, size=(16, 16))
    for name in masks:
        mask(root / "masks" / name, 0, 1, size=(16, 16))
    return root


@pytest.mark.parametrize(
    ("images", "masks", "pattern"),
    [
        (["ISIC_0", "ISIC_1"], ["ISIC_0_segmentation", "ISIC_1_segmentation"], None),
        (["image_000", "image_001"], ["mask_000", "mask_001"], "image{}=mask{}"),
        (["G1_frame_0_rgb_anon", "G1_frame_1_rgb_anon"], ["G1_frame_0_gt_labelTrainIds", "G1_frame_1_gt_labelTrainIds"],
         "{}rgb_anon={}gt_labelTrainIds"),
        (["t/img1", "t/img2"], ["t/seg_img1", "t/seg_img2"], "seg_{}"),
        (["a", "b"], ["a.jpg", "b.jpg"], "{}.jpg"),
        (["IMG_1", "IMG_2"], ["img_1", "img_2-Mask"], None),
        (["one"], ["one_final_v2"], "{}_final_v2"),
        (["tile_0_0", "tile_0_1", "tile_1_0"], ["lab_0_0", "lab_0_1", "lab_1_0"], "tile{}=lab{}"),
    ],
)  # fmt: skip
def test_names_that_differ_by_a_pattern_are_paired_and_the_pattern_is_told(tmp_path, images, masks, pattern):
    grown(tmp_path, [f"{name}.png" for name in images], [f"{name}.png" for name in masks])
    found = infer_layout(tmp_path)
    assert [item.mask.name for item in found.splits["all"]] == [f"{name.rsplit('/')[-1]}.png" for name in masks]
    assert problems(found, "error") == []
    told = [text for text in problems(found, "warning") if "by the pattern" in text]
    assert [f"'{pattern}'" in text for text in told] == [True] * (pattern is not None)
    if pattern is not None:
        assert paired(infer_layout(tmp_path, mask_name=pattern)) == paired(found)


def test_each_image_may_have_another_pattern(tmp_path):
    grown(tmp_path, ["a.jpg", "b.jpg", "c.jpg"], ["a.png", "b_mask.png", "c-GT.png"])
    assert paired(infer_layout(tmp_path)) == {"all": {"a": "a.png", "b": "b_mask.png", "c": "c-GT.png"}}


def test_two_masks_that_fit_as_well_are_asked_for(tmp_path):
    grown(tmp_path, ["a1.jpg", "a2.jpg"], ["a1_color.png", "a1_inst.png", "a2_color.png", "a2_inst.png"])
    found = infer_layout(tmp_path)
    assert paired(found) == {"all": {"a1": None, "a2": None}}
    assert "choose with --mask-name '{}_inst' or --mask-name '{}_color'" in problems(found, "error")[0]
    assert paired(infer_layout(tmp_path, mask_name="{}_color"))["all"]["a2"] == "a2_color.png"


def test_the_two_nearest_names_are_shown_where_nothing_pairs(tmp_path):
    grown(tmp_path, ["street1.jpg", "road2.jpg"], ["street1_x7.png", "road2_y9.png", "zzz.png"])
    (problem,) = problems(infer_layout(tmp_path), "error")
    assert "no image has a mask of its name; nearest to 'road2': 'road2_y9' and" in problem
    assert "--mask-name '{}_y9'" in problem


def test_a_mask_is_not_taken_by_a_pattern_while_most_images_have_theirs(tmp_path):
    names = [f"img_{number}" for number in range(4)]
    grown(tmp_path, [f"{name}.png" for name in names], ["img_0.png", "img_1.png", "old_2.png", "old_3.png"])
    found = infer_layout(tmp_path)
    assert [item.id for item in found.unmasked] == ["img_2", "img_3"]
    assert "2 images have no mask of their names; nearest to 'img_2': 'old_2'" not in problems(found, "error")


def test_masks_and_images_may_lie_at_other_depths(tmp_path):
    grown(tmp_path, ["town/a.png", "town/b.png", "c.png"], ["a.png", "b_mask.png", "x/c.png"])
    assert paired(infer_layout(tmp_path)) == {"all": {"c": "c.png", "town/a": "a.png", "town/b": "b_mask.png"}}


def test_a_mask_in_the_folder_of_another_is_not_taken(tmp_path):
    grown(tmp_path, ["cam1/0.png", "cam2/1.png"], ["cam2/0.png", "cam2/1.png"])
    assert paired(infer_layout(tmp_path)) == {"all": {"cam1/0": None, "cam2/1": "1.png"}}


@pytest.mark.parametrize("wrong", ["_mask", "{}{}", "=", "{}={}={}"])
def test_a_pattern_of_another_form_is_refused(tmp_path, wrong):
    with pytest.raises(DataError, match="is no pattern of names"):
        infer_layout(grown(tmp_path, ["a.png"], ["a.png"]), mask_name=wrong)


def test_a_pattern_may_have_an_ending_and_other_case():
    assert pair_names(["x/a"], ["x/a_Seg"], parse_name_pattern("{}_Seg.png")).masks == {"x/a": "x/a_Seg"}
    assert parse_name_pattern("im{}=lab{}").mask_name("im7") == "lab7"
    assert parse_name_pattern("im{}=lab{}").mask_name("photo7") is None
    assert pair_names(["A"], ["a_seg"], parse_name_pattern("{}_SEG")).masks == {"A": "a_seg"}


def test_patterns_of_many_names_are_learnt_at_once():
    images = [f"frame{number:05d}_left" for number in range(3000)]
    masks = [f"frame{number:05d}_labels_v2" for number in range(3000)]
    learnt = learn_pattern(images, masks)
    assert (str(learnt.pattern), len(learnt.pairs), learnt.tie) == ("{}left={}labels_v2", 3000, None)


@pytest.mark.parametrize(
    ("images", "masks"), [("Images", "Masks"), ("IMAGES", "LABELS"), ("Imgs", "Ground Truth"), ("JpegImages", "GT")]
)
def test_names_of_folders_have_no_case(tmp_path, images, masks):
    write_image(tmp_path / images / "a.jpg")
    mask(tmp_path / masks / "a.png", 0, 1)
    if masks == "Ground Truth":
        assert "look like masks" in problems(infer_layout(tmp_path), "warning")[0]
    else:
        assert paired(infer_layout(tmp_path)) == {"all": {"a": "a.png"}}


@pytest.mark.parametrize(
    ("images", "masks"),
    [("train", "train_masks"), ("train_images", "train_labels"), ("images_train", "masks-train"),
     ("TrainImages", "TrainMasks"), ("train_frames", "train_annot"), ("Train", "GT Train")],
)  # fmt: skip
def test_folders_may_name_split_and_role_together(tmp_path, images, masks):
    for split, of_images, of_masks in (("train", images, masks), ("val", "val_images", "val_masks")):
        for name in ("a", "b"):
            write_image(tmp_path / of_images / f"{split}{name}.jpg", size=(16, 16))
            mask(tmp_path / of_masks / f"{split}{name}_mask.png", 0, 1, size=(16, 16))
    found = paired(infer_layout(tmp_path))
    assert found["val"] == {"vala": "vala_mask.png", "valb": "valb_mask.png"}
    assert found["train"] == {"traina": "traina_mask.png", "trainb": "trainb_mask.png"}


@pytest.mark.parametrize("name", ["{}_mask.png", "{}-GT.gif", "{}.png", "{}_segmentation.bmp", "{}_L.tif"])
@pytest.mark.parametrize("split", ["", "train", "images"])
def test_masks_among_images_are_masks(tmp_path, name, split):
    for number in ("1", "2"):
        write_image(tmp_path / split / f"a{number}.jpg", shade=int(number), size=(32, 32))
        mask(tmp_path / split / name.format(f"a{number}"), 0, 1, size=(32, 32))
    assert paired(infer_layout(tmp_path)) == {
        "train" if split == "train" else "all": {f"a{number}": name.format(f"a{number}") for number in ("1", "2")}
    }


def test_photographs_of_such_names_stay_images(tmp_path):
    for place, name in enumerate(("a.png", "a_L.png", "b.png", "b_L.png", "c.jpg", "c.png")):
        write_image(tmp_path / name, shade=place, size=(32, 32))
    found = infer_layout(tmp_path)
    assert [item.id for item in found.splits["all"]] == ["a", "a_L", "b", "b_L", "c"]
    assert ["same name as" in text for text in problems(found, "error")] == [True]


def test_smoothed_masks_as_jpeg_among_images_are_masks(tmp_path):
    for number in range(2):
        write_image(tmp_path / f"a{number}.jpg", shade=number, size=(64, 64))
        grey = np.zeros((64, 64), np.uint8)
        grey[16:48, 16:48] = 255
        Image.fromarray(grey).save(tmp_path / f"a{number}_mask.jpg")
    assert paired(infer_layout(tmp_path)) == {"all": {"a0": "a0_mask.jpg", "a1": "a1_mask.jpg"}}


def test_a_pattern_finds_masks_among_images(tmp_path):
    for number in range(2):
        write_image(tmp_path / f"a{number}.png", shade=number)
        mask(tmp_path / f"a{number}_label_x.png", 0, 1)
    assert paired(infer_layout(tmp_path, mask_name="{}_label_x"))["all"]["a1"] == "a1_label_x.png"
    with pytest.raises(DataError, match="another"):
        check_dataset(tmp_path, mask_name="{}_none").require_ok()


def test_folders_that_look_like_masks_are_pointed_out(tmp_path):
    for number in range(3):
        write_image(tmp_path / f"images/{number}.png", shade=number, size=(32, 32))
        mask(tmp_path / f"targets/{number}.png", 0, 1, size=(32, 32))
    (warning,) = problems(infer_layout(tmp_path), "warning")
    assert "'3 of its files have the names of images" not in warning
    assert "look like masks, but are not used; to use them, give --masks targets" in warning
    (tmp_path / "images").rename(tmp_path / "photos")
    found = infer_layout(tmp_path)
    assert len(found.splits["all"]) == 6
    assert "look like masks, but taken for images" in problems(found, "warning")[0]


def test_a_stray_folder_beside_train_and_val_merges_nothing(tmp_path):
    pairs(tmp_path, "train")
    pairs(tmp_path, "val", first=2)
    (tmp_path / "images/notes").mkdir()
    assert infer_layout(tmp_path).problems == ()
    write_image(tmp_path / "images/extra/9.png")
    write_image(tmp_path / "images/8.png")
    found = infer_layout(tmp_path)
    assert paired(found) == {"train": {"0": "0.png", "1": "1.png"}, "val": {"2": "2.png", "3": "3.png"}}
    assert "2 images beside train and val belong to no split: those in '.', 'extra'" in problems(found, "warning")[0]


def test_one_folder_named_after_a_split_among_others_is_pointed_out(tmp_path):
    pairs(tmp_path, "train")
    pairs(tmp_path, "town")
    found = infer_layout(tmp_path)
    assert list(found.splits) == ["all"]
    assert "'train' is named after a split, but lies beside 'town': all are one split" in problems(found, "warning")[0]


def test_two_folders_of_one_split_are_an_error(tmp_path):
    pairs(tmp_path, "train")
    pairs(tmp_path, "val", first=2)
    write_image(tmp_path / "images/valid/7.png")
    found = infer_layout(tmp_path)
    assert list(found.splits) == ["train", "val"]
    assert "is the split val, as 'val' is" in problems(found, "error")[0]


def test_masks_of_all_splits_may_lie_in_one_folder(tmp_path):
    for split, name in (("train", "a"), ("val", "b"), ("test", "c")):
        write_image(tmp_path / f"images/{split}/{name}.png")
    for name in ("a", "b", "gone"):
        mask(tmp_path / f"masks/{name}.png", 0, 1)
    found = infer_layout(tmp_path)
    assert paired(found) == {"test": {"c": None}, "train": {"a": "a.png"}, "val": {"b": "b.png"}}
    assert found.unmasked == ()
    assert ["gone.png" in text for text in problems(found, "warning")] == [True]
    write_image(tmp_path / "images/val/a.png", shade=5)
    assert "could be the mask of train and of val" in problems(infer_layout(tmp_path), "error")[0]


def test_images_of_a_split_without_a_folder_of_images_are_kept(tmp_path):
    pairs(tmp_path / "train")
    write_image(tmp_path / "test/t.png")
    assert paired(infer_layout(tmp_path)) == {"test": {"t": None}, "train": {"0": "0.png", "1": "1.png"}}


def test_variants_of_foggy_cityscapes_share_the_mask_of_their_image(tmp_path):
    for beta in ("0.005", "0.02"):
        write_image(tmp_path / f"leftImg8bit/train/a/a_000_leftImg8bit_foggy_beta_{beta}.png")
    mask(tmp_path / "gtFine/train/a/a_000_gtFine_labelIds.png", 7, 8)
    masks = dict.fromkeys(("a_000_foggy_beta_0.005", "a_000_foggy_beta_0.02"), "a_000_gtFine_labelIds.png")
    assert paired(infer_layout(tmp_path)) == {"train": masks}


def test_a_folder_of_yolo_labels_is_no_folder_of_masks(tmp_path):
    write_image(tmp_path / "images/a.jpg")
    text(tmp_path / "labels/a.txt", "0 0.1 0.1 0.5 0.5 0.2 0.8")
    found = infer_layout(tmp_path)
    assert (paired(found), found.unmasked) == ({"all": {"a": None}}, ())
