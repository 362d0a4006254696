"""`seglet.pseudo_label`: from a model or a method and what is known of images to a data set that can be trained on."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seglet
from seglet.files import read_json
from seglet.images import read_mask
from seglet.inference.job_report import JobReport
from seglet.inference.sources import LabelMethod
from seglet.models.segmenter import Segmenter
from seglet.types import IGNORE


@pytest.fixture
def plain(folder: Path, tmp_path: Path) -> Path:
    """A folder with nothing but images, and tags beside it."""
    shutil.copytree(folder / "images/train", tmp_path / "photos")
    rows = ["train0.png,circle;star", "train1.png,square", "train2.png,", "train3.png,star"]
    (tmp_path / "tags.csv").write_text("\n".join(["image,tags", *rows]))
    return tmp_path / "photos"


def test_a_method_labels_images_whose_tags_a_file_names(plain: Path, method: str, tmp_path: Path) -> None:
    report = seglet.pseudo_label(
        method,
        plain,
        tags=tmp_path / "tags.csv",
        classes=["circle", "square", "star"],
        refiner="par",
        out=tmp_path / "l",
    )
    assert not report.failed
    labels = read_mask(tmp_path / "l/masks/train1.png")
    assert set(np.unique(labels)) <= {0, 2, IGNORE}
    made = seglet.open_dataset(tmp_path / "l", "all")
    assert (len(made), made.classes.names) == (4, ("background", "circle", "square", "star"))
    assert "segmented: 4, failed: 0" in repr(report)


def test_without_classes_a_method_finds_those_that_the_tags_name(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}

    def noted(*given: Any) -> JobReport:
        seen["given"] = given
        return JobReport(tmp_path, {"failed": []}, [])

    monkeypatch.setattr("seglet.api.pseudo_label.predict_folder", noted)
    seglet.pseudo_label("diclip", plain, tags=tmp_path / "tags.csv", refiner="par", out=tmp_path / "labels")
    model, source, options = seen["given"]
    assert model == LabelMethod("diclip")
    assert source.class_names == ["circle", "square", "star"]
    assert (source.inputs, options.inference.refiner.name) == ((plain,), "par")


def test_a_model_labels_a_data_set_with_the_tags_it_has(network: Segmenter, folder: Path, tmp_path: Path) -> None:
    report = seglet.pseudo_label(network, folder, out=tmp_path / "labels", threshold=0.0)
    truth = seglet.open_dataset(folder, "train")
    for made, sample in zip(report.record["images"], truth, strict=True):
        assert set(np.unique(read_mask(tmp_path / "labels" / made["mask"]))) <= {0, *sample.tags}
    assert "quality" in report.record
    assert report.record["settings"]["threshold"] == 0


def test_an_opened_data_set_and_a_list_of_files_serve_as_well(network: Segmenter, folder: Path, tmp_path: Path) -> None:
    opened = seglet.pseudo_label(network, seglet.open_dataset(folder, "val"), out=tmp_path / "a")
    files = sorted((folder / "images/val").iterdir())
    listed = seglet.pseudo_label(network, files, out=tmp_path / "b")
    assert len(opened.record["images"]) == len(listed.record["images"]) == 4
    assert read_json(tmp_path / "b/predictions.json")["command"] == "seglet.pseudo_label('Segmenter', …)"


def test_a_folder_with_other_files_is_left_alone(network: Segmenter, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="holds other files"):
        seglet.pseudo_label(network, folder, out=tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "dear"
