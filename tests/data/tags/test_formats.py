"""Tags in each format, and what is refused."""

import json

import pytest
from tests.data.disk import text, write_image

from seglet.data.errors import DataError
from seglet.data.tags import class_folders, json_file, spreadsheet, voc_xml
from seglet.data.tags.source import read_tags

ONE = {"a.jpg": ("cat", "dog"), "b.jpg": ()}


@pytest.mark.parametrize(
    "lines",
    [
        ("a.jpg,cat;dog", "b.jpg,"),
        ("image,tags", "a.jpg,cat|dog", "b.jpg"),
        ("a.jpg,cat,dog", "b.jpg,,"),
        ('a.jpg,"cat, dog"', "b.jpg,"),
        ("a.jpg;cat,dog", "b.jpg;"),
        ("a.jpg\tcat\tdog", "b.jpg"),
        ("file,label", "a.jpg,cat", "", "a.jpg,dog", "b.jpg,"),
        ("image,cat,dog,cow", "a.jpg,1,1,0", "b.jpg,0,,0.0"),
        ("", "img;cat;dog", "a.jpg;1;true", "b.jpg;0;False"),
        ("\ufeffimage,tags", "a.jpg, cat ;dog;cat", "b.jpg,;"),
    ],
)
def test_csv_may_be_written_in_many_ways(tmp_path, lines):
    assert spreadsheet.read_tag_spreadsheet(text(tmp_path / "tags.csv", *lines)).tags == ONE


def test_numbers_under_the_heading_of_tags_are_tags(tmp_path):
    assert spreadsheet.read_tag_spreadsheet(text(tmp_path / "t.csv", "image,label", "a.jpg,1", "b.jpg,0")).tags[
        "b.jpg"
    ] == ("0",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"image,cat,dog\na.jpg,0.7,1", "holds '0.7' under 'cat'; write 1"),
        (b"image,cat\na.jpg,1,1", "has 3 cells under 2 headings"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b'a.jpg,"cat', "no CSV"),
        (b"image,tags\n", "names no image"),
        (b"", "is empty"),
    ],
)
def test_ambiguous_csv_is_refused(tmp_path, content, said):
    (tmp_path / "tags.csv").write_bytes(content)
    with pytest.raises(DataError, match=said):
        spreadsheet.read_tag_spreadsheet(tmp_path / "tags.csv")


def test_two_rows_of_columns_for_an_image_are_reported(tmp_path):
    (problem,) = spreadsheet.read_tag_spreadsheet(text(tmp_path / "t.csv", "image,cat", "a.jpg,0", "a.jpg,1")).problems
    assert problem.what == "'a.jpg' has more than one row"


@pytest.mark.parametrize(
    "data",
    [
        {"a.jpg": ["cat", "dog"], "b.jpg": []},
        {"a.jpg": ["cat", "dog", "cat"], "b.jpg": None},
        {"a.jpg": {"tags": ["cat", "dog"], "group": 3}, "b.jpg": {"tags": []}},
        {"a.jpg": {"labels": {"cat": 1, "dog": True, "cow": 0}}, "b.jpg": {"labels": {}}},
        [{"image": "a.jpg", "classes": ["cat", "dog"]}, {"image": "b.jpg", "classes": []}],
    ],
)
def test_json_may_be_written_in_several_ways(tmp_path, data):
    assert json_file.read_json_tags(text(tmp_path / "tags.json", json.dumps(data))).tags == ONE


def test_the_field_of_the_masks_folder_comes_first(tmp_path):
    file = text(tmp_path / "tags.json", json.dumps({"a": {"classes": ["grass", "cow"], "classes_fg": ["cow"]}}))
    assert json_file.read_json_tags(file).tags == {"a": ("grass", "cow")}
    assert json_file.read_json_tags(file, ending="_fg").tags == {"a": ("cow",)}
    assert json_file.read_json_tags(file, key="classes_fg").tags == {"a": ("cow",)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": ["cat"], "a": ["dog"]}', "'a' is listed twice"),
        ('[{"id": 1, "tags": []}, {"id": 1, "tags": []}]', "'1' is listed twice"),
        ('{"a": {"labelz": ["cat"]}}', "--tags-key"),
        ('{"a": {"tags": {"cat": 0.5}}}', "write 1 where the class is there"),
        ('{"a": [true]}', "True is not a name"),
        ('[{"tags": ["cat"]}]', "does not name its image"),
        ("[1]", "holds no tags"),
        ("3", "holds no tags"),
        ("{}", "names no image"),
        ("{", "holds no tags"),
        ("[" * 100_000, "holds no tags"),
    ],
)
def test_ambiguous_json_is_refused(tmp_path, content, said):
    with pytest.raises(DataError, match=said):
        json_file.read_json_tags(text(tmp_path / "tags.json", content))


def instances():
    return {
        "images": [{"id": 4, "file_name": "a.jpg"}, {"id": 5, "file_name": "b.jpg"}],
        "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}],
        "annotations": [{"image_id": 4, "category_id": 17, "bbox": [0, 0, 1, 1]}, {"image_id": 4, "category_id": 18}],
    }


def test_coco_tags_are_the_categories_of_the_objects(tmp_path):
    listed = json_file.read_json_tags(text(tmp_path / "instances.json", json.dumps(instances())))
    assert (listed.form, listed.tags) == ("coco", ONE)


def test_coco_images_of_one_name_are_refused():
    data = instances()
    data["images"][1]["file_name"] = "a.jpg"
    with pytest.raises(DataError, match=r"two images are called 'a\.jpg'"):
        json_file.coco_tags(data)


def test_a_damaged_coco_file_is_named(tmp_path):
    data = instances() | {"categories": []}
    with pytest.raises(DataError, match=r"x\.json' holds no tags"):
        json_file.read_json_tags(text(tmp_path / "x.json", json.dumps(data)))


XML = "<annotation><filename>z.jpg</filename>{}</annotation>"
CAT = "<object><name>cat</name><difficult>1</difficult><part><name>head</name></part></object>"


def test_voc_tags_are_the_names_of_objects_and_not_of_parts(tmp_path):
    text(tmp_path / "a.xml", XML.format(CAT + CAT + "<object><name> dog\n</name></object>"))
    text(tmp_path / "sub" / "b.xml", XML.format(""))
    assert read_tags(tmp_path, ()).tags == {"a": ("cat", "dog"), "sub/b": ()}


BOMB = '<!DOCTYPE a [<!ENTITY x "cat">]><annotation><object><name>&x;</name></object></annotation>'


@pytest.mark.parametrize("content", ["", "<annotation>", "<html/>", BOMB])
def test_xml_that_cannot_be_read_is_among_the_problems(tmp_path, content):
    text(tmp_path / "a.xml", content)
    text(tmp_path / "b.xml", XML.format(CAT))
    listed = voc_xml.read_voc_xml(tmp_path)
    assert listed.tags == {"b": ("cat",)}
    assert [problem.file for problem in listed.problems] == [str(tmp_path / "a.xml")]


def test_a_folder_is_the_tag_of_the_images_in_it(tmp_path):
    inside = {write_image(tmp_path / "cat" / "a.png"), write_image(tmp_path / "dog" / "deep" / "a.png")}
    assert class_folders.read_class_folders(tmp_path, inside).tags == {
        "cat/a.png": ("cat",),
        "dog/deep/a.png": ("dog",),
    }


def test_copies_in_several_folders_give_an_image_several_tags(tmp_path):
    for name in ("cat", "dog"):
        write_image(tmp_path / "tags" / name / "a.png")
    assert read_tags(tmp_path / "tags", ()).tags == {"a.png": ("cat", "dog")}


def test_splits_may_stand_above_the_classes(tmp_path):
    inside = {write_image(tmp_path / split / "cat" / "a.png") for split in ("train", "val")}
    assert set(class_folders.read_class_folders(tmp_path, inside).tags) == {"train/cat/a.png", "val/cat/a.png"}


@pytest.mark.parametrize(
    ("name", "said"), [("cls_labels.npy", "can run code"), ("tags.xlsx", "expected .csv"), ("gone.csv", "not exist")]
)
def test_other_files_are_refused_with_what_is_read(tmp_path, name, said):
    with pytest.raises(DataError, match=said):
        read_tags(tmp_path / name, ())


def test_a_folder_without_tags_is_refused(tmp_path):
    with pytest.raises(DataError, match="neither VOC's XML"):
        read_tags(tmp_path, ())
