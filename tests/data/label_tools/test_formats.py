"""Whole files of each tool: those of the tools, ours, and broken ones."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from seglet.cli.options.annotation_tool import ANNOTATION_TOOLS as OFFERED
from seglet.data.errors import DataError
from seglet.data.label_tools.formats import LABEL_TOOLS, read_annotations, write_annotations
from seglet.data.label_tools.regions import labels_from_regions, regions_from_labels
from seglet.types import IGNORE, Classes

GOLDEN = Path(__file__).parent / "golden"
FILES = ("annotations.xml", "tasks.json", "labelme", "instances_all.json")
HOSTILE = Classes(("background", "<script>", 'a "b" & ç'), ((0, 0, 0), (255, 0, 0), (0, 9, 0)))
PLAIN = Classes(("sky", "road", "tree"), ((0, 0, 0), (255, 0, 0), (0, 9, 0)))
EVERY = list(itertools.product(LABEL_TOOLS, ("polygons", "masks")))


def labels():
    expected = np.zeros((4, 5), np.uint8)
    expected[0, :3] = 1
    expected[2, 3] = expected[3, 2] = 2
    expected[:, 4] = IGNORE
    return expected


def noise(seed, size, classes):
    return np.random.default_rng(seed).choice([*range(len(classes)), IGNORE], size).astype(np.uint8)


@pytest.mark.parametrize("file", FILES)
def test_what_a_tool_exports_is_read(file):
    _, found = read_annotations(GOLDEN / file)
    (image,) = found.images()
    assert (image.file, found.names) == ("a/one.jpg", ("cat", "dog"))
    classes = Classes(("background", "cat", "dog"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
    np.testing.assert_array_equal(labels_from_regions(image, classes, 0), labels())


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("form", ["polygons", "masks"])
def test_a_tools_file_written_again_is_the_same(file, form, tmp_path):
    tool, found = read_annotations(GOLDEN / file)
    classes = Classes(("background", "cat", "dog"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
    write_annotations(tool, tmp_path, [regions_from_labels("a/one.jpg", labels(), classes, form)], classes, form)
    again, back = read_annotations(tmp_path)
    (one,), (two,) = found.images(), back.images()
    assert again == tool
    np.testing.assert_array_equal(labels_from_regions(one, classes, 0), labels_from_regions(two, classes, 0))


@pytest.mark.parametrize(("tool", "form"), EVERY)
@pytest.mark.parametrize("classes", [HOSTILE, PLAIN], ids=["background", "no background"])
def test_masks_come_back_exactly(tool, form, classes, tmp_path):
    given = {f"p/{seed}.png": noise(seed, size, classes) for seed, size in enumerate([(13, 17), (1, 9), (7, 1)])}
    write_annotations(
        tool, tmp_path, (regions_from_labels(file, mask, classes, form) for file, mask in given.items()), classes, form
    )
    unlabelled = IGNORE if classes.background is None else classes.background
    found = {one.file: labels_from_regions(one, classes, unlabelled) for one in read_annotations(tmp_path)[1].images()}
    assert found.keys() == given.keys()
    for file, mask in given.items():
        np.testing.assert_array_equal(found[file], mask)


@pytest.mark.parametrize(("tool", "form"), EVERY)
def test_confidences_come_back(tool, form, tmp_path):
    mask = labels()
    write_annotations(
        tool, tmp_path, [regions_from_labels("a.png", mask, HOSTILE, form, np.full(mask.shape, 0.625))], HOSTILE, form
    )
    (image,) = read_annotations(tmp_path)[1].images()
    assert {region.confidence for region in image.regions} == {0.625}
    assert image.confidence == 0.625


def test_the_commands_offer_every_tool():
    assert OFFERED == LABEL_TOOLS


def test_a_region_of_no_class_is_named():
    (image,) = read_annotations(GOLDEN / "annotations.xml")[1].images()
    with pytest.raises(DataError, match=r"region called 'cat'.*sky, road, tree"):
        labels_from_regions(image, PLAIN, 0)


@pytest.mark.parametrize(
    ("name", "below"), [("../a.png", "a.png"), ("/etc/passwd", "etc/passwd"), ("a\\..\\..\\b.png", "b.png")]
)
@pytest.mark.parametrize("file", ["annotations.xml", "tasks.json", "instances_all.json"])
def test_no_image_lies_outside_its_folder(file, name, below, tmp_path):
    text = (GOLDEN / file).read_text()
    for old in ("/data/local-files/?d=project/images/a/one.jpg", "a/one.jpg"):
        text = text.replace(old, json.dumps(name)[1:-1] if file.endswith("json") else name)
    (tmp_path / file).write_text(text)
    (image,) = read_annotations(tmp_path / file)[1].images()
    assert image.file == below


@pytest.mark.parametrize(
    "text", ["{}", "[1]", "<x/>", "<annotations>", '<!DOCTYPE a [<!ENTITY b "c">]><annotations/>', "[{}]", "nonsense"]
)
def test_other_files_are_refused(text, tmp_path):
    (tmp_path / "file").write_text(text)
    with pytest.raises(ValueError, match="file"):
        read_annotations(tmp_path / "file")


@pytest.mark.parametrize("size", ['width="5" height="0"', 'width="99999999" height="99"', 'width="x" height="4"'])
def test_a_size_that_no_image_has_is_refused(size, tmp_path):
    text = (GOLDEN / "annotations.xml").read_text().replace('width="5" height="4">', f"{size}>")
    (tmp_path / "annotations.xml").write_text(text)
    with pytest.raises(DataError, match=r"a/one\.jpg"):
        list(read_annotations(tmp_path)[1].images())


def test_a_class_called_void_would_be_lost():
    with pytest.raises(DataError, match="means void"):
        regions_from_labels("a.png", labels(), Classes(("void", "b", "c"), PLAIN.colours), "masks")
