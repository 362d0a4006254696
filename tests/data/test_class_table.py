from pathlib import Path

import pytest
from tests.data.disk import text

from seglet.data.class_files.read import read_class_table
from seglet.data.class_table import ClassEntry, classes_of, mark_void, train_colours, train_ids
from seglet.data.errors import DataError
from seglet.data.known_classes import find_classes
from seglet.data.layouts.coco import COCO_NAMES, COCO_TABLE
from seglet.data.layouts.voc import VOC_TABLE
from seglet.types import IGNORE, Classes, voc_colour

ROAD = ClassEntry(0, "road", (128, 64, 128))


def test_colours_are_those_of_pascal_voc():
    assert [voc_colour(index) for index in (0, 1, 15, 20)] == [(0, 0, 0), (128, 0, 0), (192, 128, 128), (0, 64, 128)]


@pytest.mark.parametrize(
    "line",
    ["0 road 128 64 128", "0, road, 128, 64, 128", "road,128,64,128", "road 128 64 128", "0\troad\t128 64 128"],
)
def test_a_line_may_be_written_in_several_ways(tmp_path, line):
    assert read_class_table(text(tmp_path / "classes.txt", "# id name", "", line)) == (ROAD,)


def test_names_may_hold_blanks_commas_and_numbers(tmp_path):
    path = text(tmp_path / "classes.txt", "1 building, edifice", "2 route 66")
    assert [(entry.id, entry.name) for entry in read_class_table(path)] == [(1, "building, edifice"), (2, "route 66")]


def test_names_alone_are_numbered_from_zero(tmp_path):
    path = text(tmp_path / "classes.txt", "background", "3d printer", "void")
    assert [(entry.id, entry.name, entry.void) for entry in read_class_table(path)] == [
        (0, "background", False), (1, "3d printer", False), (2, "void", True),
    ]  # fmt: skip


def test_the_heading_of_a_csv_is_no_class(tmp_path):
    assert read_class_table(text(tmp_path / "class_dict.csv", "name,r,g,b", "road,128,64,128")) == (ROAD,)


def test_json_tables_are_read(tmp_path):
    path = text(tmp_path / "classes.json", '[{"id": 0, "name": "road", "color": [128, 64, 128]}]')
    assert read_class_table(path) == (ROAD,)


@pytest.mark.parametrize(
    "content", ["{}", "[1]", '[{"id": "0", "name": "a"}]', '[{"id": 0, "name": "a", "colour": 3}]', "["]
)
def test_other_json_is_refused(tmp_path, content):
    with pytest.raises(DataError, match=r"classes\.json"):
        read_class_table(text(tmp_path / "classes.json", content))


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (("0 a", "0 b"), r"ids repeat: \[0\]"),
        (("0 a", "1 a"), "names repeat"),
        (("-1 a",), "ids go from 0"),
        (("0 a 300 0 0",), "from 0 to 255"),
        (("0 void",), "got 0"),
        (("# nothing",), "got 0"),
    ],
)
def test_tables_that_cannot_be_are_refused(tmp_path, lines, what):
    with pytest.raises(DataError, match=what):
        read_class_table(text(tmp_path / "classes.txt", *lines))


def test_train_ids_count_over_what_is_not_void():
    entries = (ClassEntry(2, "a", (0, 0, 0)), ClassEntry(5, "void", (1, 1, 1), True), ClassEntry(7, "b", (2, 2, 2)))
    assert train_ids(entries) == {2: 0, 5: IGNORE, 7: 1, 255: IGNORE}
    assert classes_of(entries).names == ("a", "b")


def test_255_is_void_unless_a_class_has_that_id():
    assert train_ids((ROAD, ClassEntry(255, "object", (1, 1, 1)))) == {0: 0, 255: 1}


def test_classes_that_share_a_colour_are_refused_in_colour_coded_masks():
    with pytest.raises(DataError, match="share a colour"):
        train_colours((ROAD, ClassEntry(1, "path", ROAD.colour)))


def test_ids_can_be_declared_void():
    entries = mark_void((ClassEntry(1, "a", (1, 1, 1)),), (0,))
    assert train_ids(entries) == {0: IGNORE, 1: 0, 255: IGNORE}


def test_tables_come_with_seglet_under_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lis, of_voc = read_class_table(Path("lis")), read_class_table(Path("voc-lis"))
    assert classes_of(lis) == classes_of(of_voc)
    # DGKD-WLSS's map of VOC's ids to those of LIS; every other class of VOC is void
    wanted = {0: 0, 2: 1, 7: 2, 14: 3, 6: 4, 5: 5, 9: 6, 11: 7, 20: 8}
    assert train_ids(of_voc) == {number: wanted.get(number, IGNORE) for number in (*range(21), IGNORE)}
    assert read_class_table(Path("cityscapes"))[7].name == "road"


def test_a_file_goes_before_a_table_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text(tmp_path / "lis", "0 road 128 64 128")
    assert read_class_table(Path("lis")) == (ROAD,)


def test_train_ids_of_cityscapes_are_a_table_by_name():
    table = read_class_table(Path("cityscapes-trainids"))
    assert [table[place].name for place in (0, 13, 18)] == ["road", "car", "bicycle"]
    assert train_ids(table) == {**{number: number for number in range(19)}, 255: IGNORE}


def test_classes_that_differ_in_case_only_are_refused(tmp_path):
    with pytest.raises(DataError, match="'ball' and 'Ball' are two classes that differ in case only"):
        classes_of(read_class_table(text(tmp_path / "c.txt", "0 background", "1 ball", "2 Ball")))
    with pytest.raises(ValueError, match="'ball' and 'Ball'"):
        Classes.named(["background", "ball", "Ball"])


def test_tables_of_voc_and_coco_have_names_of_their_own():
    assert read_class_table(Path("voc")) == VOC_TABLE
    assert read_class_table(Path("coco")) == COCO_TABLE
    assert find_classes("coco").names == ("background", *COCO_NAMES)
