"""The packs of real images load as their READMEs describe them."""

import pytest

from seglet.data.checking.check import check_dataset
from seglet.data.checking.rules import MaskRules
from seglet.data.errors import DataError
from seglet.data.opening import open_dataset
from seglet.types import IGNORE


def test_camvid_has_eleven_classes_and_eleven_is_void(shared_data):
    report = check_dataset(shared_data / "camvid")
    assert (report.problems, report.description.layout) == ((), "camvid")
    assert {name: split.images for name, split in report.statistics.items()} == {"train": 367, "val": 101}
    assert report.description.classes.names[::10] == ("sky", "bicyclist")
    assert report.statistics["val"].containing == (101,) * 11


def test_camvid_opens_read_only(shared_data):
    val = open_dataset(str(shared_data / "camvid"), "val")
    sample = val.read(0)
    assert (sample.id, sample.image.shape, sample.labels.shape) == ("0016E5_07959", (360, 480, 3), (360, 480))
    assert set(sample.labels.flat) == {*range(11), IGNORE}


def test_a_split_that_camvid_lacks_here_is_reported(shared_data):
    with pytest.raises(DataError, match=r"no split 'test', only train \(367\), val \(101\)"):
        open_dataset(str(shared_data / "camvid"), "test")


@pytest.mark.parametrize(("folder", "classes"), [("masks", 21), ("masks23", 23), ("masks_fg", 16)])
def test_msrc_has_three_sets_of_masks(shared_data, folder, classes):
    report = check_dataset(shared_data / "msrc21", shared_data / "msrc21" / folder)
    assert (report.ok, len(report.description.classes)) == (True, classes)
    assert {name: split.labelled for name, split in report.statistics.items()} == {"train": 354, "val": 98}


PACKS = {
    "ade20k": ("ade20k", 150, 4), "sunrgbd37": ("folders", 18, 2), "voc": ("folders", 21, 3),
    "instances_pmode": ("folders", 3, 2), "coarse_labels": ("folders", 3, 1),
    "cityscapes_image_only": ("folders", 1, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", PACKS)
def test_the_format_is_understood(shared_data, name):
    dataset = open_dataset(str(shared_data / "formats" / name), "all")
    layout, classes, images = PACKS[name]
    assert (dataset.description.layout, len(dataset.classes), len(dataset)) == (layout, classes, images)
    assert (dataset.read(0).labels is None) == (name == "cityscapes_image_only")


def test_objects_at_255_need_a_rule(shared_data):
    folder = shared_data / "formats" / "davis_car_shadow"
    assert not check_dataset(folder).ok
    report = check_dataset(folder, rules=MaskRules(coding="binary_255"))
    assert report.ok
    assert report.statistics["all"].containing == (40, 40)


def test_really_dark_images_are_an_unlabelled_set(shared_data):
    assert open_dataset(str(shared_data / "lowlight" / "dark"), "all").read(0).labels is None
