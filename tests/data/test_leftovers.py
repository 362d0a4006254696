"""Files beside a data set that nothing reads are named and counted."""

import json

import numpy as np
import pytest
from tests.data.disk import pairs, text, write_image

from seglet.data.checking.check import check_dataset
from seglet.data.errors import DataError
from seglet.data.layouts.infer import infer_layout
from seglet.data.tags.source import TagSource

COCO = {"images": [{"id": 1, "file_name": "0.png"}], "annotations": [], "categories": []}


def told(root):
    return [problem.what for problem in infer_layout(root).problems if problem.severity == "warning"]


@pytest.mark.parametrize("suffix", [".heic", ".AVIF", ".jp2", ".dng", ".nii.gz", ".dcm"])
def test_images_of_other_formats_are_counted(tmp_path, suffix):
    for number in range(3):
        text(pairs(tmp_path) / f"images/x{number}{suffix}", "…")
    assert told(tmp_path) == [f"3 {suffix.lower()} files are not read by the check, such as 'x0{suffix}'"]


def test_arrays_in_place_of_masks_are_counted_and_depth_maps_are_not(tmp_path):
    for folder in ("masks", "depth"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "0.npy", np.zeros((6, 8)))
    write_image(tmp_path / "images/0.png")
    assert told(tmp_path) == ["1 .npy files are not read by the check, such as '0.npy'"]
    assert [item.id for item in infer_layout(tmp_path).unmasked] == ["0"]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("labels/0.txt", "0 0.5 0.5 0.25 0.25\n1 0.1 0.1 0.9 0.1 0.9 0.9\n", "YOLO's boxes or polygons"),
        ("images/_annotations.coco.json", json.dumps(COCO), "COCO's annotations"),
        ("images/0.json", json.dumps({"shapes": [], "imagePath": "0.png"}), "LabelMe's shapes"),
        ("export.json", json.dumps([{"data": {}, "annotations": [{"result": []}]}]), "Label Studio's tasks"),
        ("via.json", json.dumps({"a": {"regions": [{"shape_attributes": {}}]}}), "annotations of VGG's annotator"),
        ("annotations.xml", "<annotations><image id='0'/></annotations>", "CVAT's annotations"),
        ("train.csv", "id,rle_mask\n0,1 5\n", "run lengths"),
    ],
)
def test_annotations_of_other_tools_are_named(tmp_path, name, content, kind):
    write_image(tmp_path / "images/0.png")
    text(tmp_path / name, content)
    assert told(tmp_path) == [f"1 files with {kind} are not read by the check, such as {name.rsplit('/')[-1]!r}"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", "1 2 3\n"),
        ("tags.txt", "17 0 1 0 1\n"),
        ("stats.json", '{"images": 3}'),
        ("a.xml", "<annotation/>"),
        ("b.csv", "a,b\n"),
    ],
)
def test_other_texts_are_none_of_our_business(tmp_path, name, content):
    text(pairs(tmp_path) / name, content)
    assert told(tmp_path) == []


def test_outlines_of_yolo_are_for_the_import_with_their_folder(tmp_path):
    write_image(tmp_path / "images/0.png")
    text(tmp_path / "labels/0.txt", "1 0.1 0.1 0.9 0.1 0.9 0.9\n")
    cures = [problem.cure for problem in infer_layout(tmp_path).problems if "YOLO" in problem.what]
    assert len(cures) == 1
    assert "seglet data import DIR --out NEW, with the folder that holds images/ and labels/" in cures[0]


def test_files_with_tags_are_read(tmp_path):
    text(pairs(tmp_path) / "classes.txt", "0 background", "1 cat")
    data = {**COCO, "annotations": [{"image_id": 1, "category_id": 3}], "categories": [{"id": 3, "name": "cat"}]}
    file = text(tmp_path / "mine.json", json.dumps(data))
    whats = [problem.what for problem in check_dataset(tmp_path, tags=TagSource(file)).problems]
    assert not any("not read by the check" in what for what in whats)


def test_many_files_of_one_kind_are_counted_from_a_few(tmp_path):
    write_image(tmp_path / "images/0.png")
    for number in range(50):
        text(tmp_path / f"labels/{number}.txt", "0 0.5 0.5 0.25 0.25\n")
    assert told(tmp_path) == ["50 files with YOLO's boxes or polygons are not read by the check, such as '0.txt'"]


def test_a_folder_of_unreadable_images_alone_says_so(tmp_path):
    for number in range(2):
        text(tmp_path / f"{number}.heic", "…")
    with pytest.raises(DataError, match=r"no images found .* In it, 2 \.heic files are not read by the check"):
        infer_layout(tmp_path)
