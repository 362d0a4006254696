"""Depth beside images that are segmented, and images brightened before a network sees them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from tests.models.foundation.makers import save_depth

from seglet.cli.main import main
from seglet.data.enhance.histogram import clahe
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.inference.brighten import find_enhancer
from seglet.inference.depth import add_depth_column, find_depth_source
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import predict_maps
from seglet.models.architecture import Architecture, DepthGuidance
from seglet.models.segmenter import build

SMALL = {"name": "ssss-resnet18", "width": 0.0625}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A depth network of random weights, as its authors would have saved it."""
    return str(save_depth(tmp_path_factory.mktemp("depth")))


def with_depth_source(source, **keys):
    return build(Architecture(**SMALL, depth=DepthGuidance(source=source, **keys)), WORLD_CLASSES).eval()


def test_the_network_of_training_runs_beside_the_segmenter_that_names_it(network):
    data = World("val", scenes=1, size=32, dark=True)
    sample = add_depth_column(data, with_depth_source(network), None).read(0)
    assert sample.columns["depth"].shape == (32, 32)
    assert (sample.columns["depth"].min(), sample.columns["depth"].max()) == (0, 1)


def test_images_are_brightened_for_the_depth_network_as_in_training(network):
    image = World("val", scenes=1, size=32, dark=True).read(0).image
    plain, bright = (
        find_depth_source(with_depth_source(network), None),
        find_depth_source(with_depth_source(network, brighten="clahe"), None),
    )
    assert plain is not None
    assert bright is not None
    np.testing.assert_array_equal(bright(image, "a"), plain(clahe(image), "a"))


def test_the_column_of_training_is_what_runs_beside_in_use(network):
    from seglet.methods.dgkd.depth_columns import EstimatedDepth

    sample = World("val", scenes=1, size=32, dark=True).read(0)
    (made,) = EstimatedDepth(network, "clahe").load(torch.device("cpu"))([sample])
    used = find_depth_source(with_depth_source(network, brighten="clahe"), None)
    assert used is not None
    np.testing.assert_allclose(made, used(sample.image, sample.id), atol=1e-3)  # stored in half precision


def test_a_network_that_is_not_to_be_had_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="no folder and no id"):
        find_depth_source(with_depth_source("./nowhere"), None)


def test_prediction_with_brightening_is_that_of_the_brightened_image():
    model, image = (
        build(Architecture(**SMALL), WORLD_CLASSES).eval(),
        World("val", scenes=1, size=32, dark=True).read(0).image,
    )
    maps = predict_maps(model, image, None, InferenceOptions(scales=(1.0,), brighten="clahe"))
    np.testing.assert_array_equal(maps, predict_maps(model, clahe(image), None, InferenceOptions(scales=(1.0,))))


def test_an_unknown_way_to_brighten_names_those_there_are():
    with pytest.raises(ValueError, match="no way to brighten is called 'clah'; there are clahe, equalise, gamma"):
        find_enhancer("clah")


@pytest.mark.parametrize("name", ["ssss-resnet18", "pspnet-resnet18"])
def test_images_may_be_brightened_before_they_are_scored_and_the_record_has_it(tmp_path, name):
    build(Architecture(name, width=0.0625), WORLD_CLASSES).save(tmp_path / "model")
    words = ["evaluate", str(tmp_path / "model"), "--data", "world:dark=1,scenes=2,size=32", "--out"]
    assert main([*words, str(tmp_path / "plain.json")]) == 0
    assert main([*words, str(tmp_path / "bright.json"), "--brighten", "equalise"]) == 0
    plain, bright = (json.loads((tmp_path / f"{kind}.json").read_text()) for kind in ("plain", "bright"))
    assert (plain["brighten"], bright["brighten"]) == (None, "equalise")
    assert plain["ece_10"] != bright["ece_10"]


def test_scores_may_be_of_darkened_images_the_same_every_time(tmp_path):
    build(Architecture(**SMALL), WORLD_CLASSES).save(tmp_path / "model")
    words = ["evaluate", str(tmp_path / "model"), "--data", "world:scenes=2,size=32", "--scales", "1", "--out"]
    for name, dark in (("day", []), ("night", ["--darken", "night"]), ("again", ["--darken", "night"])):
        assert main([*words, str(tmp_path / f"{name}.json"), *dark]) == 0
    day, night, again = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("day", "night", "again"))
    assert (day["darken"], night["darken"]) == (None, "night")
    assert night == again
    assert night["ece_10"] != day["ece_10"]
    assert night["fingerprint"] != day["fingerprint"]


def test_a_stop_more_is_another_image_and_none_is_the_day(tmp_path):
    build(Architecture(**SMALL), WORLD_CLASSES).save(tmp_path / "model")
    words = ["evaluate", str(tmp_path / "model"), "--data", "world:scenes=2,size=32", "--scales", "1", "--out"]
    for name, dark in (("day", []), ("0", ["--darken", "0"]), ("3", ["--darken", "3"]), ("4", ["--darken", "4"])):
        assert main([*words, str(tmp_path / f"{name}.json"), *dark]) == 0
    day, none, three, four = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("day", "0", "3", "4"))
    assert none["ece_10"] == day["ece_10"]
    assert len({none["ece_10"], three["ece_10"], four["ece_10"]}) == 3
    assert (three["darken"], four["darken"]) == (3.0, 4.0)


def test_a_wrong_darkness_is_answered_with_what_there_is(capsys):
    words = ["evaluate", "model", "--data", "world", "--darken"]
    assert main([*words, "nigt"]) == 2
    assert "mild, night, extreme or stops from 0 to 16, got 'nigt'; did you mean 'night'?" in capsys.readouterr().err
    assert main([*words, "17"]) == 2


@pytest.mark.parametrize("command", [["report"], ["label", "--tool", "coco"]])
def test_reports_and_labelling_tools_get_the_depth_too(command, network, seglet, tmp_path):
    with_depth_source(network).save(tmp_path / "model")
    Image.fromarray(World("val", scenes=1, size=32).read(0).image).save(tmp_path / "a.png")
    given = ["--data", "world:scenes=1,size=40"] if command == ["report"] else [tmp_path / "a.png"]
    done = seglet(command[0], tmp_path / "model", *given, *command[1:], "--out", tmp_path / "out")
    assert done.code == 0, done.err
