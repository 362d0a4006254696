"""`seglet.predict`, and the line of the promise that loads, predicts and saves an overlay."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import seglet
from seglet.cli.main import main
from seglet.images import read_mask
from seglet.models.architecture import Architecture, DepthGuidance
from seglet.models.segmenter import Segmenter


@pytest.fixture
def photo(folder: Path) -> Path:
    return folder / "images/val/val0.png"


def test_a_run_predicts_a_file_and_the_overlay_is_saved(network: Segmenter, photo: Path, tmp_path: Path) -> None:
    network.save(tmp_path / "runs/x/model")
    seglet.load(tmp_path / "runs/x").predict(photo).overlay().save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as overlay:
        assert overlay.size == (48, 48)


def test_several_files_give_an_iterator(network: Segmenter, folder: Path) -> None:
    files = sorted((folder / "images/val").iterdir())
    results = seglet.predict(network, files)
    assert [result.labels.shape for result in results] == [(48, 48)] * 4


def test_every_function_that_takes_files_takes_the_limit_that_its_error_names(
    network: Segmenter, photo: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"beyond the limit of 2303 pixels.* allow its size with max_pixels=2304"):
        seglet.predict(network, photo, max_pixels=2303)
    assert seglet.predict(network, photo, max_pixels=2304).labels.shape == (48, 48)
    with pytest.raises(ValueError, match="max_pixels=2304"):
        next(seglet.predict(network, [photo], max_pixels=2303))
    with pytest.raises(ValueError, match="max_pixels=2304"):
        seglet.refine(np.full((2, 48, 48), 0.5, np.float32), photo, max_pixels=2303)
    pairs = [(photo, np.zeros((48, 48), np.uint8))]
    with pytest.raises(ValueError, match="max_pixels=2304"):
        seglet.evaluate(network, pairs, progress=False, max_pixels=2303)
    report = seglet.pseudo_label(network, [photo], out=tmp_path / "out", max_pixels=2303)
    assert "beyond the limit of 2303 pixels" in report.failed[0]["reason"]


def test_with_no_options_it_is_the_segmenters_own_prediction(network: Segmenter, photo: Path) -> None:
    expected = network.predict(photo)
    np.testing.assert_allclose(seglet.predict(network, photo).probabilities, expected.probabilities, atol=1e-5)


def test_options_are_those_of_the_command(network: Segmenter, photo: Path, tmp_path: Path) -> None:
    network.save(tmp_path / "model")
    words = ["--scales", "1", "0.5", "--flip", "--refiner", "pamr", "--steps", "2"]
    assert main(["predict", str(tmp_path / "model"), str(photo), "--out", str(tmp_path / "out"), *words]) == 0
    found = seglet.predict(tmp_path / "model", photo, scales=(1, 0.5), flip=True, refiner="pamr", steps=2)
    np.testing.assert_array_equal(found.labels, read_mask(tmp_path / "out/masks/val0.png"))


def test_tags_rule_out_all_other_classes(network: Segmenter, photo: Path) -> None:
    names = network.classes.names
    found = seglet.predict(network, photo, tags=[names[3], names[5]])
    assert set(np.unique(found.labels)) <= {0, 3, 5}
    with pytest.raises(ValueError, match=f"no class '{names[3]}x' to tag; did you mean '{names[3]}'"):
        seglet.predict(network, photo, tags=[names[3] + "x"])


def test_a_method_segments_one_image_whose_tags_name_its_classes(photo: Path, method: str) -> None:
    found = seglet.predict(method, photo, tags=["circle", "star"], classes=["circle", "star", "square"])
    assert found.classes.names == ("background", "circle", "star", "square")
    assert found.shares.get("square", 0) == 0


def test_a_network_that_takes_depth_gets_it_from_files(photo: Path, tmp_path: Path) -> None:
    model = seglet.build(Architecture("ssss-resnet18", width=0.0625, depth=DepthGuidance()), ["background", "a"])
    np.save(tmp_path / "val0.npy", np.linspace(0, 1, 48 * 48, dtype=np.float32).reshape(48, 48))
    assert seglet.predict(model, photo, depth=str(tmp_path)).labels.shape == (48, 48)
    with pytest.raises(ValueError, match="this network takes depth"):
        model.predict(photo)
