"""Class tables as people and tools write them, read or refused with the line."""

import json

import pytest
from tests.data.disk import text

from seglet.data.class_files.read import read_class_file, read_class_table
from seglet.data.class_files.search import find_class_file
from seglet.data.errors import DataError

CRACK = [(0, "background", (0, 0, 0)), (1, "crack", (255, 0, 0))]


def rows(path):
    return [(entry.id, entry.name, entry.colour) for entry in read_class_table(path)]


def named(path):
    return {entry.id: entry.name for entry in read_class_table(path) if not entry.void}


@pytest.mark.parametrize(
    "lines",
    [
        ("0 background 0 0 0", "1 crack 255 0 0"),
        ("0, background, 0, 0, 0", "1, crack, 255, 0, 0"),
        ("background 0 0 0", "crack 255 0 0"),
        ("0 0 0 background", "255 0 0\t\tcrack"),
        ("0 0 0 0 background", "1 255 0 0 crack"),
        ("0,0,0,background", "255,0,0,crack"),
        ("background 0 0 0 0", "crack 1 255 0 0"),
        ("0 background #000000", "1 crack #ff0000"),
        ("background: #000000", "crack: #FF0000"),
        ("#000000 background", "#ff0000 crack"),
        ("background (0, 0, 0)", "crack (255, 0, 0)"),
        ("background rgb(0,0,0)", "crack rgb(255,0,0)"),
        ("# label:color_rgb:parts:actions", "background:0,0,0::", "crack:255,0,0:left,right:"),
        ("0: background: 0 0 0", "1: crack: 255 0 0"),
        ('0,"background",0,0,0', '1,"crack",255,0,0'),
    ],
)
def test_one_class_per_line_may_be_written_in_many_ways(tmp_path, lines):
    assert rows(text(tmp_path / "classes.txt", *lines)) == CRACK


@pytest.mark.parametrize(
    "lines",
    [
        ("label_name,R,G,B", "background,0,0,0", "crack,255,0,0"),
        ("class,r,g,b", "background,0,0,0", "crack,255,0,0"),
        ("name;r;g;b", "background;0;0;0", "crack;255;0;0"),
        ("sep=;", "name;r;g;b", "background;0;0;0", "crack;255;0;0"),
        ("Klasse,Rot,Gruen,Blau", "background,0,0,0", "crack,255,0,0"),
        ("nummer\tklasse\trot\tgruen\tblau", "0\tbackground\t0\t0\t0", "1\tcrack\t255\t0\t0"),
        ("B,G,R,class", "0,0,0,background", "0,0,255,crack"),
        ("colour,label,id", "#000000,background,0", "#ff0000,crack,1"),
        ("Class Name,Color,Pixel Value", 'background,"0, 0, 0",0', 'crack,"(255, 0, 0)",1'),
        ("id name r g b", "0 background 0 0 0", "1 crack 255 0 0"),
        ("name,id,trainId,category,color", "background,0,255,void,0 0 0", "crack,1,0,flat,255 0 0"),
        ("label,name,hex", "0,background,000000", "1,crack,ff0000"),
    ],
)
def test_columns_are_found_below_a_heading_of_any_names(tmp_path, lines):
    assert rows(text(tmp_path / "class_dict.csv", *lines)) == CRACK


@pytest.mark.parametrize(
    "lines",
    [
        ("background", "crack"),
        ("name", "background", "crack"),
        ("background,crack",),
        ("background: 0", "crack: 1"),
        ("crack=1", "background=0"),
        ("0. background", "1. crack"),
        ("0) background", "1) crack"),
        ("0 - background", "1 - crack"),
        ("Pixel Value, Class", "0, background", "1, crack"),
        ("class,value", "background,0", "crack,1"),
        ("label,description,value", "background,the rest,0", "crack,a line,1"),
        ("Idx\tRatio\tTrain\tName", "0\t0.9\t10\tbackground", "1\t0.1\t20\tcrack"),
        ("class;Farbe;Wert", "background;schwarz;0", "crack;rot;1"),
        ("['background', 'crack']",),
    ],
)
def test_ids_are_those_of_the_file_or_follow_the_order_of_names(tmp_path, lines):
    assert named(text(tmp_path / "classes.txt", *lines)) == {0: "background", 1: "crack"}


def test_grey_levels_keep_their_ids(tmp_path):
    assert named(text(tmp_path / "classes.txt", "low 85", "high 170")) == {85: "low", 170: "high"}


def test_labelme_counts_from_its_ignore_label(tmp_path):
    table = read_class_table(text(tmp_path / "labels.txt", "__ignore__", "_background_", "crack"))
    assert [(entry.id, entry.name, entry.void) for entry in table] == [
        (255, "__ignore__", True), (0, "_background_", False), (1, "crack", False),
    ]  # fmt: skip


def test_words_that_head_columns_may_be_names(tmp_path):
    assert named(text(tmp_path / "a.txt", "red", "green", "object")) == {0: "red", 1: "green", 2: "object"}
    assert named(text(tmp_path / "b.txt", "void", "road", "car")) == {1: "road", 2: "car"}


def test_names_may_end_in_numbers(tmp_path):
    assert named(text(tmp_path / "a.txt", "zone 1", "zone 2")) == {0: "zone 1", 1: "zone 2"}
    assert named(text(tmp_path / "b.txt", "1 zone 1", "2 zone 2")) == {1: "zone 1", 2: "zone 2"}
    assert named(text(tmp_path / "c.txt", "1 house, small", "2 road")) == {1: "house, small", 2: "road"}
    assert named(text(tmp_path / "d.csv", "id,name", '1,"house, small"', "2,road")) == {1: "house, small", 2: "road"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data.yaml", "train: ../train\nval: ../valid\nnc: 2\nnames: [background, crack]"),
        ("data.yaml", "names:\n  0: background\n  1: crack"),
        ("names.yml", "- background\n- crack"),
        ("a.yaml", "0: background\n1: crack"),
        ("a.yaml", "background: 0\ncrack: 1"),
        ("a.yaml", "classes:\n- {id: 0, name: background}\n- {id: 1, name: crack}"),
        ("data.txt", "nc: 2\nnames: ['background', 'crack']"),
        ("a.json", '["background", "crack"]'),
        ("a.json", '{"0": "background", "1": "crack"}'),
        ("a.json", '{"id2label": {"0": "background", "1": "crack"}, "label2id": {"background": 0, "crack": 1}}'),
        ("a.json", '{"labels": {"background": 0, "crack": 1}}'),
        ("a.json", '{"classes": ["background", "crack"], "palette": [[0, 0, 0], [255, 0, 0]]}'),
        ("a.json", '[{"name": "background", "color": "#000000"}, {"name": "crack", "color": "#ff0000"}]'),
        ("a.json", '{"labels": [{"name": "background", "color": [0, 0, 0]}, {"name": "crack", "color": [9, 0, 0]}]}'),
        ("a.json", '{"background": {"id": 0}, "crack": {"id": 1, "color": [255, 0, 0]}}'),
        ("a.pbtxt", "item {\n  id: 1\n  name: 'crack'\n}\n"),
        ("labels.txt", 'item {\n  name: "/m/01"\n  id: 1\n  display_name: "crack"\n}\n# end'),
    ],
)
def test_yaml_json_and_label_maps_are_read(tmp_path, name, content):
    assert named(text(tmp_path / name, content)) == {0: "background", 1: "crack"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("0 background", "crack"), r"line 2 'crack' is not written like line 1 '0 background' \(`id name`\)"),
        (("background", "crack 255 0 0"), "line 1 'background' is not written like line 2"),
        (("background 0", "crack 1", "# rare", "spall"), "line 4 'spall'"),
        (("dark background", "1 crack", "2 spall"), "line 1 'dark background'"),
        (("0 road 7", "1 car 26"), "line 1 '0 road 7' has a number too many"),
        (("road 128 64 128 255", "car 0 0 142 255"), "has a number too many"),
        (("road,street", "car,vehicle"), "several columns"),
        (("<annotation>", "</annotation>"), "XML"),
        (("item {", "  name: 'crack'", "}"), "needs an id and a name"),
        (("a.png", "b.png"), "line 1 'a.png' is no class"),
        (("0 0.5 0.5 0.1 0.2",), "is no class"),
        (("0", "1"), "line 1 '0' is no class"),
        (("names = [", "]"), "is no class"),
        (("filename,label", "a.jpg,cat", "b.jpg,dog"), "names images, so this is no table of classes"),
        (("id,value,name", "0,10,background", "1,20,crack"), "'id' and 'value' could both"),
        (("one,two,name", "0,10,background", "1,20,crack"), "call it `id`"),
        (("id,this,that", "0,back,ground", "1,crack,line"), "call it `name`"),
        (("name,r,g,b", "background,0,0,0", "crack,255,0"), "line 3 has 3 cells under 4 headings"),
        (("name,r,g,b", "house, small,0,0,0", "crack,255,0,0"), "line 2 has 5 cells under 4 headings"),
        (("id,name", "0,background", "x,crack"), "'x', which is no whole number"),
    ],
)
def test_what_is_no_table_is_refused_with_the_line(tmp_path, lines, said):
    with pytest.raises(DataError, match=said):
        read_class_table(text(tmp_path / "classes.txt", *lines))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.yaml", "train: ../train/images\nval: ../valid/images", "is no class; expected a list"),
        ("a.yaml", "nc: 3\nnames: [background, crack]", "nc is 3, but there are 2 names"),
        ("a.yaml", "names: [no, yes]", "is no class; write it in quotes"),
        ("a.yaml", "0: background\n0: crack", "0 is listed twice"),
        ("a.yaml", "names: [", "no YAML"),
        ("a.json", '{"0": "a", "0": "b"}', "'0' is listed twice"),
        ("a.json", '{"images": [], "annotations": [], "categories": []}', "COCO"),
        ("a.json", '{"classes": ["a", "b"], "palette": [[0, 0, 0]]}', "2 classes but 1 colours"),
        ("a.json", '[{"id": 0, "name": "a"}, {"name": "b"}]', "'b' has no id, but other classes have one"),
        ("a.pbtxt", "item { id: 1 name: 'a' } junk", "no label map"),
    ],
)
def test_other_structures_are_refused(tmp_path, name, content, said):
    with pytest.raises(DataError, match=said):
        read_class_table(text(tmp_path / name, content))


@pytest.mark.parametrize(("content", "said"), [(b"PK\x03\x04", "spreadsheet"), (b"\xe9t\xe9", "not UTF-8")])
def test_files_that_are_no_text_are_refused_by_name(tmp_path, content, said):
    (tmp_path / "classes.xlsx").write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_class_table(tmp_path / "classes.xlsx")


def test_text_of_windows_is_read(tmp_path):
    (tmp_path / "a.txt").write_bytes("0 background\r\n1 Riß\r\n".encode("utf-16"))
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbf0 background\r\n1 crack\r\n")
    assert named(tmp_path / "a.txt")[1] == "Riß"
    assert named(tmp_path / "b.txt") == {0: "background", 1: "crack"}


def test_a_file_says_whether_it_gives_ids_and_colours(tmp_path):
    alone = read_class_file(text(tmp_path / "a.txt", "background", "crack"))
    full = read_class_file(text(tmp_path / "b.txt", "0 background 0 0 0", "1 crack 255 0 0"))
    assert [(file.numbered, file.coloured) for file in (alone, full)] == [(False, False), (True, True)]


@pytest.mark.parametrize("name", ["classes.txt", "CLASSES.TXT", "class_names.txt", "labelmap.txt", "label_colors.txt",
                                  "_classes.csv", "codes.txt", "data.yaml", "label_map.pbtxt"])  # fmt: skip
def test_tables_are_found_by_the_names_that_tools_give_them(tmp_path, name):
    lines = {".yaml": "names: [a, b]", ".pbtxt": "item { id: 0 name: 'a' } item { id: 1 name: 'b' }"}
    file = text(tmp_path / name, lines.get(name[name.index(".") :], "0 a\n1 b"))
    assert find_class_file([tmp_path]).table.path == file


def test_two_tables_that_disagree_are_told(tmp_path):
    text(tmp_path / "classes.txt", "0 background", "1 crack", "255 void")
    text(tmp_path / "labelmap.txt", "0 background", "1 spall")
    text(tmp_path / "sub" / "classes.json", json.dumps([{"id": 1, "name": "background"}, {"id": 0, "name": "crack"}]))
    found = find_class_file([tmp_path, tmp_path / "sub"])
    assert [entry.name for entry in found.table.entries] == ["background", "crack", "void"]
    assert [problem.what for problem in found.problems] == [
        "disagrees with classes.txt: 'crack' is a class of classes.txt alone",
        "disagrees with classes.txt: 'background' is 0 and 'background' is 1",
    ]


def test_two_tables_of_the_same_classes_complete_each_other(tmp_path):
    text(tmp_path / "classes.txt", "0 background", "1 crack")
    text(tmp_path / "label_colors.txt", "255 0 0 crack", "0 0 0 background")
    found = find_class_file([tmp_path])
    assert ([entry.colour for entry in found.table.entries], found.problems) == ([(0, 0, 0), (255, 0, 0)], ())


def test_a_table_that_cannot_be_read_is_told_beside_one_that_can(tmp_path):
    text(tmp_path / "classes.txt", "background", "crack")
    text(tmp_path / "labels.csv", "filename,label", "a.jpg,cat")
    (problem,) = find_class_file([tmp_path]).problems
    assert "labels.csv" in problem.file
    assert "is not read as a table of classes" in problem.what
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(DataError, match="names images"):
        find_class_file([tmp_path])


def test_a_data_yaml_without_names_is_no_table(tmp_path):
    text(tmp_path / "data.yaml", "train: images/train")
    assert find_class_file([tmp_path]).table is None
