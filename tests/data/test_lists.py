"""Lists that divide a folder into splits, as people and other programs write them."""

import pytest
from tests.data.disk import mask, pairs, text, write_image

from seglet.data.checking.check import check_dataset
from seglet.data.errors import DataError
from seglet.data.layouts.infer import infer_layout


def ids(found):
    return {name: [item.id for item in items] for name, items in found.splits.items()}


def whats(found, severity="error"):
    return [problem.what for problem in found.problems if problem.severity == severity]


def test_folders_in_lists_are_kept(tmp_path):
    pairs(tmp_path, "cam1", count=3)
    pairs(tmp_path, "cam2", count=3)
    text(tmp_path / "lists/train.txt", "cam1/0.png", "cam1/1.png", "cam1/2.png")
    text(tmp_path / "lists/val.txt", "cam2/0", "images/cam2/1.png", "cam2/2.png")
    found = infer_layout(tmp_path)
    assert ids(found) == {"train": ["cam1/0", "cam1/1", "cam1/2"], "val": ["cam2/0", "cam2/1", "cam2/2"]}
    assert found.problems == ()


@pytest.mark.parametrize(
    "line",
    [
        "0", "0.png", "images/0.png", r"images\0.png", r".\images\0.PNG", "masks/../images/0.png", "0.png,0.png",
        "images/0.png;masks/0.png", "images/0.png\tmasks/0.png", "images/0.png masks/0.png", '"0.png","0.png"', "0 1",
        r"C:\Users\me\mine\images\0.png,C:\Users\me\mine\masks\0.png", "/data/mine/0.png /data/mine/masks/0.png",
        "0,", "  0.png  ",
    ],
)  # fmt: skip
def test_a_line_may_be_written_in_many_ways(tmp_path, line):
    pairs(tmp_path, count=2)
    text(tmp_path / "train.txt", line)
    text(tmp_path / "val.txt", "1")
    found = infer_layout(tmp_path)
    assert ids(found) == {"train": ["0"], "val": ["1"]}
    assert found.problems == ()
    assert found.splits["train"][0].mask == tmp_path / "masks/0.png"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_lists_of_windows_are_read(tmp_path, encoding, ends):
    write_image(tmp_path / "images/Straße 1.png")
    (tmp_path / "Lists").mkdir()
    (tmp_path / "Lists/Train.TXT").write_bytes(f"# mine{ends}images\\Straße 1.png{ends}".encode(encoding))
    assert ids(infer_layout(tmp_path)) == {"train": ["Straße 1"]}


def test_a_heading_is_no_image(tmp_path):
    text(pairs(tmp_path) / "train.txt", "image,mask", "0.png,0.png")
    assert ids(infer_layout(tmp_path)) == {"train": ["0"]}
    assert whats(infer_layout(tmp_path)) == []


def test_names_may_hold_blanks_and_commas(tmp_path):
    for name in ("a b", "a, b", "a.png b"):
        write_image(tmp_path / f"images/{name}.png")
    text(tmp_path / "train.txt", "a b", "a, b.png", "a.png b.png")
    assert ids(infer_layout(tmp_path)) == {"train": ["a b", "a, b", "a.png b"]}


def test_a_mask_that_a_list_names_is_taken(tmp_path):
    mask(pairs(tmp_path) / "fine/0.png", 1, 0)
    write_image(tmp_path / "images/2.png", shade=2)
    mask(tmp_path / "masks/two.png", 0, 1)
    text(tmp_path / "train.txt", "images/0.png fine/0.png", "2.png,two.png")
    text(tmp_path / "val.txt", "images/1.png gone/1.png")
    found = infer_layout(tmp_path)
    assert [item.mask.relative_to(tmp_path).as_posix() for items in found.splits.values() for item in items] == [
        "fine/0.png",
        "masks/two.png",
        "masks/1.png",
    ]
    assert (found.unmasked, whats(found)) == ((), [])


def test_a_name_of_no_image_is_shown_with_the_nearest_and_the_form_of_a_line(tmp_path):
    pairs(tmp_path, "cam2")
    text(tmp_path / "train.txt", "cam1/0.png", "cam2/1.png")
    (problem,) = (one for one in infer_layout(tmp_path).problems if one.severity == "error")
    assert (problem.file, problem.what) == (
        "cam1/0.png",
        "listed in train.txt but there is no such image (did you mean 'cam2/0'?)",
    )
    assert "one name" in problem.cure


def test_a_name_of_two_images_is_an_error(tmp_path):
    pairs(tmp_path, "cam1")
    pairs(tmp_path, "cam2")
    text(tmp_path / "train.txt", "0", "cam1/1")
    found = infer_layout(tmp_path)
    assert ids(found) == {"train": ["cam1/1"]}
    assert whats(found) == ["listed in train.txt and could be 'images/cam1/0.png' or 'images/cam2/0.png'"]


def test_two_names_of_one_image_are_an_error_over_all_lists(tmp_path):
    text(pairs(tmp_path) / "train.txt", "cam1/0.png", "1")
    text(tmp_path / "val.txt", "cam2/0.png")
    assert whats(infer_layout(tmp_path)) == [
        "listed in val.txt and the same image as 'cam1/0.png', without the folder that tells them apart"
    ]


def test_an_image_twice_in_a_list_is_reported_and_counts_twice(tmp_path):
    text(pairs(tmp_path) / "train.txt", "0", "1", "images/0.png")
    found = infer_layout(tmp_path)
    assert ids(found) == {"train": ["0", "1", "0"]}
    assert whats(found, "warning") == ["1 images are on more than one line: '0.png'"]


def test_two_lists_of_one_split_are_an_error_unless_they_agree(tmp_path):
    text(pairs(tmp_path) / "lists/train.txt", "0")
    text(tmp_path / "splits/training.txt", "0.png")
    assert whats(infer_layout(tmp_path)) == []
    text(tmp_path / "splits/training.txt", "1")
    assert whats(infer_layout(tmp_path)) == ["another list of the split train than lists/train.txt"]


def test_images_on_no_list_are_counted_and_need_neither_mask_nor_tags(tmp_path):
    text(pairs(tmp_path, count=3) / "classes.txt", "background", "cat")
    (tmp_path / "masks/2.png").unlink()
    text(tmp_path / "train.txt", "0")
    text(tmp_path / "val.txt", "1")
    report = check_dataset(tmp_path)
    assert report.ok
    assert [problem.what for problem in report.problems] == ["1 images are on no list and belong to no split: '2'"]
    text(tmp_path / "tags.csv", "0,cat", "1,cat", "2,cat")
    assert check_dataset(tmp_path).ok


def test_voc_lists_keep_folders_and_may_hold_paths(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / f"JPEGImages/{name}.jpg")
        mask(tmp_path / f"SegmentationClass/{name}.png", 0, 15)
    text(tmp_path / "ImageSets/Segmentation/train.txt", "/JPEGImages/a.jpg /SegmentationClass/a.png")
    text(tmp_path / "ImageSets/Segmentation/val.txt", r"VOC2012\JPEGImages\b.jpg")
    assert ids(infer_layout(tmp_path)) == {"all": ["a", "b"], "train": ["a"], "val": ["b"]}


def test_a_list_that_is_no_text_is_refused(tmp_path):
    (pairs(tmp_path) / "train.txt").write_bytes(b"\xff\x00\xfa")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        infer_layout(tmp_path)
