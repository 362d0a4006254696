"""Sheets of tags as people and programs write them."""

import json

import numpy as np
import pytest
from PIL import Image
from tests.data.disk import text

from seglet.data.checking.check import check_dataset
from seglet.data.errors import DataError
from seglet.data.tags.json_file import read_json_tags
from seglet.data.tags.spreadsheet import read_tag_spreadsheet, tags_in_cell

ONE = {"a.jpg": ("cat", "dog"), "b.jpg": ()}


@pytest.mark.parametrize(
    "lines",
    [
        ("filename,width,height,class,xmin,ymin,xmax,ymax", "a.jpg,48,32,cat,1,1,9,9", "a.jpg,48,32,dog,2,2,9,9",
         "b.jpg,48,32,,,,,"),
        ("sep=;", "image;tags", "a.jpg;cat,dog", "b.jpg;"),
        ('"sep=\t"', "image\ttags", "a.jpg\tcat;dog", "b.jpg\t"),
        ("image,cat,dog", "a.jpg,yes,Yes", "b.jpg,no,no"),
        ("image,cat,dog,cow", "a.jpg,x,X,", "b.jpg,,,"),
        ("image,cat,dog,cow", "a.jpg,True,y,n", "b.jpg,False,nan,-"),
        ("image,label,confidence", "a.jpg,cat;dog,0.93", "b.jpg,,0.5"),
        ("image,split,label", "a.jpg,train,cat|dog", "b.jpg,val,none"),
        ("image,split,cat,dog", "a.jpg,train,1,1", "b.jpg,val,0,0"),
        ("image,width,cat,dog,height", "a.jpg,640,1,1,480", "b.jpg,1,0,0,1"),
        (",filename,labels", "0,a.jpg,\"['cat', 'dog']\"", "1,b.jpg,[]"),
        ("label,filename", "cat,a.jpg", "dog,a.jpg", ",b.jpg"),
        ("cat,a.jpg", "dog,a.jpg", ",b.jpg"),
        ("id,file,class", "17,a.jpg,cat", "17,a.jpg,dog", "18,b.jpg,"),
        ("image,label_1,label_2", "a.jpg,cat,dog", "b.jpg,,"),
        ("image,class_id,class_name", "a.jpg,1,cat", "a.jpg,2,dog", "b.jpg,,"),
        ("Image Index,Finding Labels,Patient Age", "a.jpg,cat|dog,58", "b.jpg,,60"),
        ("image,tags", "a.jpg,cat,dog", "b.jpg,"),
        ("image,tags,,", "a.jpg,cat,dog,", "b.jpg,,,"),
        ("Foto,Tier", "a.jpg,cat", "a.jpg,dog", "b.jpg,"),
        ("image,animal", "a.jpg,cat", "a.jpg,dog", "b.jpg,NaN"),
    ],
)  # fmt: skip
def test_only_the_column_of_tags_counts(tmp_path, lines):
    assert read_tag_spreadsheet(text(tmp_path / "tags.csv", *lines)).tags == ONE


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("image,class,category", "a.jpg,cat,animal"), "'class' and 'category' could both hold tags"),
        (("image,one,two", "a.jpg,cat,animal"), "'one' and 'two' could all hold tags"),
        (("image,width,height", "a.jpg,48,32"), "no column of 'image', 'width', 'height' holds tags"),
        (("image,cat,kind", "a.jpg,1,blurred"), "holds 'blurred' under 'kind'"),
        (("image,cat,cat", "a.jpg,1,0"), "two columns are called 'cat'"),
        (("a.jpg,1,1,20,20,cat", "b.jpg,2,2,9,9,dog"), "holds numbers beside names"),
        (("a.jpg,1,0", "b.jpg,0,1"), "holds yes and no"),
        (("a.jpg,yes", "b.jpg,no"), "holds yes and no"),
    ],
)
def test_sheets_that_could_be_read_in_two_ways_are_refused(tmp_path, lines, said):
    with pytest.raises(DataError, match=said):
        read_tag_spreadsheet(text(tmp_path / "tags.csv", *lines))


def test_a_cell_that_is_a_class_is_not_separated():
    known = {"house,small", "road", "none"}
    assert tags_in_cell("House, small", known) == ["House, small"]
    assert tags_in_cell("road, house, small; none", known) == ["road", "house, small", "none"]
    assert tags_in_cell("house, small") == ["house", "small"]


@pytest.mark.parametrize("cell", ["", "nan", "None", "N/A", "[]", "-", "[nan]"])
def test_words_for_nothing_are_no_tags(cell):
    assert tags_in_cell(cell) == []


def test_a_class_table_keeps_names_with_commas_whole(tmp_path):
    photo(tmp_path, "a", "b")
    text(tmp_path / "classes.txt", "0 background", "1 house, small", "2 road")
    text(tmp_path / "tags.csv", "image,tags", 'a.jpg,"house, small"', "b.jpg,road,house, small")
    report = check_dataset(tmp_path)
    assert [item.tags for item in report.description.items("all")] == [(1,), (1, 2)]


def photo(root, *names):
    (root / "images").mkdir()
    for place, name in enumerate(names):
        noise = np.random.default_rng(place).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).save(root / "images" / f"{name}.jpg")


@pytest.mark.parametrize(
    ("lines", "said"),
    [(("image,class", "a.jpg,3"), "'3' is a number"), (("image,tags", "a.jpg,yes"), "'yes' name no class")],
)
def test_numbers_and_yes_are_no_names_of_classes(tmp_path, lines, said):
    photo(tmp_path, "a")
    text(tmp_path / "tags.csv", *lines)
    with pytest.raises(DataError, match=said):
        check_dataset(tmp_path)


def test_numbers_are_ids_where_a_table_names_them(tmp_path):
    photo(tmp_path, "a")
    text(tmp_path / "classes.txt", "0 background", "3 cat")
    text(tmp_path / "tags.csv", "image,class", "a.jpg,3")
    assert check_dataset(tmp_path).description.items("all")[0].tags == (1,)


def test_the_nan_of_pandas_is_no_tag_in_json(tmp_path):
    file = text(tmp_path / "tags.json", json.dumps({"a": {"tags": float("nan")}, "b": ["cat"]}))
    assert read_json_tags(file).tags == {"a": (), "b": ("cat",)}
