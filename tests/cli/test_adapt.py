"""`seglet adapt`."""

import numpy as np
import pytest
from PIL import Image

from seglet.files import read_json
from seglet.models.architecture import Architecture
from seglet.models.freezing import batch_norms
from seglet.models.segmenter import build, load


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapt") / "model"
    build(Architecture("deeplabv3-resnet18", width=0.0625), ["background", "cat"]).eval().save(folder)
    return folder


def means(folder):
    return next(batch_norms(load(folder).network)).running_mean.numpy()


def test_a_network_takes_the_statistics_of_images_of_any_size(model, seglet, tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "night").mkdir()
    for name, size in (("a", (40, 48)), ("b", (40, 48)), ("c", (33, 70))):
        Image.fromarray(rng.integers(0, 30, (*size, 3), dtype=np.uint8)).save(tmp_path / f"night/{name}.png")
    done = seglet("adapt", model, tmp_path / "night", "--out", tmp_path / "out")
    assert done.code == 0
    assert "statistics of 3 of 3 images" in done.out
    assert np.abs(means(tmp_path / "out") - means(model)).max() > 0.01
    assert read_json(tmp_path / "out/adapted.json")["settings"]["method"] == "adabn"
    assert read_json(tmp_path / "out/adapted.json")["finished"]


@pytest.mark.parametrize("method", ["tent", "self-training"])
def test_a_network_also_trains_on_darkened_images_of_a_data_set(method, model, seglet, tmp_path):
    data = ("--data", "world:scenes=4,size=32", "--darken", 3, "--steps", 2, "--crop", 32, "--batch", 2)
    done = seglet("adapt", model, *data, "--method", method, "--out", tmp_path / "out")
    assert done.code == 0
    assert "at the last" in done.out
    weights = (load(tmp_path / "out").network.state_dict(), load(model).network.state_dict())
    assert any((weights[0][name] != weights[1][name]).any() for name in weights[0] if name.endswith("weight"))


def test_a_blend_is_with_the_statistics_of_the_given_network_also_after_training(model, seglet, tmp_path):
    data = ("--data", "world:scenes=4,size=32", "--steps", 1, "--crop", 32, "--batch", 2, "--blend", 0)
    assert seglet("adapt", model, *data, "--method", "tent", "--out", tmp_path / "out").code == 0
    np.testing.assert_array_equal(means(tmp_path / "out"), means(model))
    assert seglet("adapt", model, *data[:2], "--out", tmp_path / "half", "--blend", 0.5).code == 0
    assert seglet("adapt", model, *data[:2], "--out", tmp_path / "new").code == 0
    half = seglet("adapt", model, *data[:-1], 0.5, "--method", "tent", "--rate", 1e-9, "--out", tmp_path / "trained")
    assert half.code == 0
    np.testing.assert_allclose(means(tmp_path / "trained"), means(tmp_path / "half"), rtol=1e-5, atol=1e-6)
    assert "rate: expected" in seglet("adapt", model, *data, "--rate", "nan", "--out", tmp_path / "nan").err


def test_what_cannot_be_adapted_is_refused(model, seglet, tmp_path):
    assert "give images or --data" in seglet("adapt", model, "--out", tmp_path / "out").err
    (tmp_path / "a").mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "a/a.png")
    dark = seglet("adapt", model, tmp_path / "a", "--darken", 2, "--out", tmp_path / "out")
    assert "--darken takes the images of --data" in dark.err
    assert seglet("adapt", model, tmp_path / "a", "--out", tmp_path / "out").code == 0
    other = seglet("adapt", model, tmp_path / "a", "--blend", 0.5, "--out", tmp_path / "out")
    assert "blend was 1.0, is 0.5" in other.err
