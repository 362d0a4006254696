"""Tags in the report of a check."""

import pytest
from tests.data.disk import mask, pairs, text, write_image

from seglet.data.checking.check import check_dataset
from seglet.data.errors import DataError
from seglet.data.folder_dataset import describe_data
from seglet.data.opening import open_dataset
from seglet.data.tags.source import TagSource


def photos(root, *names):
    for place, name in enumerate(names):
        write_image(root / "images" / f"{name}.png", shade=place)
    return root


def errors(report):
    return {problem.file: problem.what for problem in report.problems if problem.severity == "error"}


def warnings(report):
    return [problem.what for problem in report.problems if problem.severity == "warning"]


def test_images_and_tags_are_a_data_set(tmp_path):
    text(photos(tmp_path, "a", "b") / "tags.csv", "a.png,dog;cat", "b.png,cat")
    dataset = open_dataset(str(tmp_path), "all")
    assert dataset.classes.names == ("background", "cat", "dog")
    assert [dataset.read(index).tags for index in range(2)] == [(1, 2), (1,)]
    assert dataset.read(0).labels is None


def test_everything_wrong_is_reported_at_once(tmp_path):
    text(photos(tmp_path, "a", "b", "c", "d", "e") / "classes.txt", "background", "cat", "dog", "cow")
    text(tmp_path / "tags.csv", "a,cat", "b,Cat", "c,dgo", "d,", "gone,dog")
    report = check_dataset(tmp_path)
    assert errors(report) == {
        "tags.csv": "tag 'dgo' of 1 image is no class",
        "images/e.png": "image without tags: tags.csv does not name it",
    }
    assert warnings(report) == [
        "1 of 5 names match no image: 'gone'",
        "class 'cat' is written 'Cat' (1 image) and 'cat' (1 image)",
        "1 of 5 images have no tag: 'd'",
        "no tag names 2 of 4 classes: dog, cow",
    ]
    assert [item.id for item in report.description.items("all")] == ["a", "b", "d"]


def test_a_name_gone_wrong_is_proposed_to_the_image_without_tags(tmp_path):
    text(photos(tmp_path, "street_1", "street_2") / "tags.csv", "street_1,cat", "stret_2,cat")
    assert "it names 'stret_2': is that the one?" in errors(check_dataset(tmp_path))["images/street_2.png"]


def test_two_similar_tags_are_reported_without_a_class_table(tmp_path):
    text(photos(tmp_path, "a", "b") / "tags.csv", "a,motorbike", "b,motorbik")
    assert "tags 'motorbik' and 'motorbike' may be two spellings of one class" in warnings(check_dataset(tmp_path))


def test_a_table_without_background_is_reported(tmp_path):
    text(photos(tmp_path, "a") / "classes.txt", "cat")
    text(tmp_path / "tags.csv", "a,cat")
    report = check_dataset(tmp_path)
    assert "no class is called background, so every pixel must be of some class" in warnings(report)
    assert "a single class, 'cat', counts" in errors(report)["classes"]


def test_written_tags_go_before_masks_and_differences_are_reported(tmp_path):
    text(pairs(tmp_path) / "classes.txt", "background", "car", "bus")
    text(tmp_path / "tags.csv", "0,car", "1,car;bus")
    assert "tags and masks of 1 images name different classes: of '1', bus" in warnings(check_dataset(tmp_path))
    assert open_dataset(str(tmp_path), "all").read(1).tags == (1, 2)


def test_masks_stand_in_for_missing_tags(tmp_path):
    text(pairs(tmp_path) / "classes.txt", "background", "car")
    text(tmp_path / "tags.csv", "0,")
    assert "1 of 2 images are not named in tags.csv: '1'" in warnings(check_dataset(tmp_path))
    assert open_dataset(str(tmp_path), "all").read(1).tags == (1,)


def listed(root):
    photos(root, "a", "b", "v")
    mask(root / "masks" / "v.png", 0, 1)
    text(root / "classes.txt", "background", "cat")
    text(root / "lists" / "train.txt", "a", "b")
    text(root / "lists" / "val.txt", "v")
    return root


def test_images_with_tags_need_no_mask_to_be_learnt_from(tmp_path):
    text(listed(tmp_path) / "tags.csv", "a,cat", "b,cat")
    report = check_dataset(tmp_path)
    assert report.ok
    assert {name: (split.labelled, split.tagged) for name, split in report.statistics.items()} == {
        "train": (0, 2),
        "val": (1, 0),
    }


def test_images_to_be_scored_on_need_their_masks(tmp_path):
    text(listed(tmp_path) / "tags.csv", "a,cat", "b,cat", "v,cat")
    (tmp_path / "lists" / "val.txt").write_text("v\nb")
    (tmp_path / "lists" / "train.txt").write_text("a")
    assert errors(check_dataset(tmp_path)) == {"images/b.png": "image without a mask"}


def test_images_without_tags_need_a_mask_as_before(tmp_path):
    assert set(errors(check_dataset(listed(tmp_path)))) == {"images/a.png", "images/b.png"}


def test_unlabelled_images_keep_no_tags(tmp_path):
    text(photos(tmp_path, "unlabelled/a", "train/b") / "tags.csv", "a,cat", "b,cat")
    assert open_dataset(str(tmp_path), "unlabelled").read(0).tags is None


def test_tags_of_masks_can_be_kept_without_the_masks(tmp_path):
    text(pairs(tmp_path) / "classes.txt", "background", "car")
    report = check_dataset(tmp_path, tags=TagSource(masks=True))
    assert [item.tags for item in report.description.items("all")] == [(1,), (1,)]


def test_tags_are_refused_while_masks_have_no_class_names(tmp_path):
    text(pairs(tmp_path) / "tags.csv", "0,car")
    report = check_dataset(tmp_path)
    assert "nothing says which values they have" in errors(report)["tags.csv"]
    assert report.undecided


def test_a_file_of_tags_that_is_called_like_a_class_table_is_none(tmp_path):
    file = text(photos(tmp_path, "a") / "labels.csv", "a.png,cat;dog")
    assert check_dataset(tmp_path, tags=TagSource(file)).description.classes.names == ("background", "cat", "dog")


def test_voc_annotations_are_found(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / "JPEGImages" / f"{name}.jpg")
    mask(tmp_path / "SegmentationClass" / "b.png", 0, 15)
    text(tmp_path / "ImageSets" / "Segmentation" / "train_aug.txt", "a")
    text(tmp_path / "Annotations" / "a.xml", "<annotation><object><name>person</name></object></annotation>")
    sample = open_dataset(str(tmp_path), "train_aug").read(0)
    assert (sample.tags, sample.labels) == ((15,), None)


def test_xml_beside_images_is_no_folder_of_masks(tmp_path):
    text(photos(tmp_path, "a") / "annotations" / "a.xml", "<annotation><object><name>cat</name></object></annotation>")
    assert open_dataset(str(tmp_path), "all").read(0).tags == (1,)


def test_folders_called_like_classes_are_tags_only_if_a_table_says_so(tmp_path):
    for place, name in enumerate(("cat", "dog")):
        write_image(tmp_path / name / "a.png", shade=place)
    assert open_dataset(str(tmp_path), "all").read(0).tags is None
    text(tmp_path / "classes.txt", "background", "dog", "cat")
    assert open_dataset(str(tmp_path), "all").read(0).tags == (2,)


def test_a_twin_in_another_folder_is_reported(tmp_path):
    for name in ("cat", "dog"):
        write_image(tmp_path / name / "a.png")
    report = check_dataset(tmp_path, tags=TagSource(tmp_path))
    assert "is the same image as 'cat/a' and has other tags" in warnings(report)


def test_a_description_keeps_tags_and_notices_their_change(tmp_path):
    text(photos(tmp_path, "a") / "tags.csv", "a,cat")
    description = check_dataset(tmp_path).description
    description.save(tmp_path / "dataset.json")
    assert describe_data(tmp_path) == description
    text(tmp_path / "tags.csv", "a,dog")
    with pytest.raises(DataError, match=r"tags\.csv' changed since"):
        describe_data(tmp_path)
    (tmp_path / "tags.csv").unlink()
    assert describe_data(tmp_path).items("all")[0].tags == (1,)


def test_the_fingerprint_follows_the_tags(tmp_path):
    text(photos(tmp_path, "a", "b") / "tags.csv", "a,cat", "b,dog")
    first = open_dataset(str(tmp_path), "all").fingerprint
    text(tmp_path / "tags.csv", "a,dog", "b,cat")
    assert open_dataset(str(tmp_path), "all").fingerprint != first


def test_a_field_of_no_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="without a tag file"):
        check_dataset(photos(tmp_path, "a"), tags=TagSource(key="tags"))


@pytest.mark.parametrize(("folder", "empty"), [("masks", 0), ("masks_fg", 61)])
def test_the_tags_of_msrc_agree_with_its_masks(shared_data, folder, empty):
    report = check_dataset(shared_data / "msrc21", shared_data / "msrc21" / folder)
    items = report.description.items("train")
    assert report.ok
    assert not any("different classes" in what for what in warnings(report))
    assert sum(item.tags == () for item in items) == empty
