"""Files for download."""

import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from seglet.data.label_tools.formats import read_annotations
from seglet.data.label_tools.regions import labels_from_regions
from seglet.images import read_mask
from seglet.types import Classes
from seglet.webapp.downloads import write_downloads
from seglet.webapp.predictors import ImagePrediction
from seglet.webapp.uploads import Upload

TWO = Classes(("background", "<b>cat</b>"), ((0, 0, 0), (255, 0, 0)))
LABELS = np.zeros((8, 10), np.uint8)
LABELS[2:5, 3:9] = 1


def predicted(name, size=(8, 10), classes=TWO):
    image = np.zeros((8, 10, 3), np.uint8)
    return Upload(name, image, size), ImagePrediction(classes, LABELS, np.full((8, 10), 0.75, np.float32))


def test_one_image_gives_three_plain_files(tmp_path):
    files = write_downloads([predicted("a.jpg")], tmp_path / "offered")
    assert [file.name for file in files] == ["a.png", "coco.json", "a-labelme.json"]
    np.testing.assert_array_equal(read_mask(files[0]), LABELS)
    assert Image.open(files[0]).getpalette()[:6] == [0, 0, 0, 255, 0, 0]


def test_coco_and_labelme_hold_the_same_mask_with_its_confidence(tmp_path):
    files = write_downloads([predicted("a.jpg")], tmp_path)
    for file in files[1:]:
        (image,) = read_annotations(file)[1].images()
        np.testing.assert_array_equal(labels_from_regions(image, TWO, 0), LABELS)
    assert json.loads(files[1].read_text())["annotations"][0]["score"] == 0.75
    assert json.loads(files[2].read_text())["imagePath"] == "a.jpg"


def test_masks_have_the_size_of_the_file_that_was_dropped(tmp_path):
    files = write_downloads([predicted("a.jpg", size=(16, 20))], tmp_path)
    np.testing.assert_array_equal(read_mask(files[0]), LABELS.repeat(2, axis=0).repeat(2, axis=1))
    assert json.loads(files[1].read_text())["images"][0]["height"] == 16


def test_several_images_come_as_archives(tmp_path):
    files = write_downloads([predicted("a.jpg"), predicted("b.jpg")], tmp_path)
    assert [file.name for file in files] == ["masks.zip", "coco.json", "labelme.zip"]
    assert sorted(zipfile.ZipFile(files[0]).namelist()) == ["a.png", "b.png"]
    assert sorted(zipfile.ZipFile(files[2]).namelist()) == ["a.json", "b.json"]


def test_without_images_there_is_nothing_to_download(tmp_path):
    with pytest.raises(ValueError, match="drop an image first"):
        write_downloads([], tmp_path)


def test_a_class_called_void_is_refused(tmp_path):
    with pytest.raises(ValueError, match="void"):
        write_downloads([predicted("a.png", classes=Classes(("background", "void"), TWO.colours))], tmp_path)
