"""Networks of red, green and blue made into networks of any channels."""

import numpy as np
import pytest
import torch

from seglet.deploy.image_graph import check_exportable_whole
from seglet.deploy.onnx_graph import export_facts
from seglet.images import Channel
from seglet.methods.task_loss import parse_task
from seglet.models.architecture import Architecture
from seglet.models.input_channels import take_channels, widened_kernels
from seglet.models.segmenter import Segmenter, build

FOUR = tuple(
    Channel(name, mean, 50.0, mean - 100, mean + 100)
    for name, mean in (("blue", 300.0), ("green", 400.0), ("red", 500.0), ("nir", 900.0))
)


def test_colours_keep_their_kernels_others_get_the_mean_and_all_are_scaled_by_three_over_n():
    kernels = torch.tensor([1.0, 2.0, 6.0]).view(1, 3, 1, 1)
    assert widened_kernels(kernels, ["blue", "nir", "red"]).flatten().tolist() == [6, 3, 1]
    assert widened_kernels(kernels, ["red", "nir", "swir", "ir", "x", "y"]).flatten().tolist() == [0.5, *5 * [1.5]]
    assert widened_kernels(kernels, ["red", "x", "blue"], bgr=True).flatten().tolist() == [6, 3, 1]


@pytest.mark.parametrize("name", ["deeplabv3-resnet18", "segformer-mit_b0", "fpn-efficientnet_lite0"])
def test_grey_stored_values_give_what_their_colours_gave(name):
    channels = tuple(Channel(one, 1000.0, 200.0, 0.0, 2000.0) for one in "abcde")
    rgb, wide = (build(Architecture(name, width=0.125), ["x", "y"]).eval() for _ in range(2))
    take_channels(wide, channels)
    grey = torch.randn(1, 1, 64, 64)
    mean, std = rgb.network.backbone.normalise.mean, rgb.network.backbone.normalise.std
    expected = rgb(grey * std + mean)  # normalised to the same grey in each channel
    torch.testing.assert_close(wide(grey.expand(1, 5, 64, 64) * 200 + 1000), expected, rtol=1e-3, atol=1e-4)


def test_a_saved_network_remembers_its_channels(tmp_path):
    model = build(Architecture("deeplabv3-resnet18", width=0.125), ["x", "y"])
    take_channels(model, FOUR)
    model.save(tmp_path / "m")
    again = Segmenter.load(tmp_path / "m")
    assert again.architecture.channels == FOUR
    image = np.random.default_rng(0).normal(500, 100, (40, 40, 4)).astype(np.float32)
    np.testing.assert_array_equal(again.predict(image).labels, model.predict(image).labels)


def test_another_number_of_channels_is_refused_by_name():
    model = build(Architecture("deeplabv3-resnet18", width=0.125), ["x", "y"])
    take_channels(model, FOUR)
    with pytest.raises(ValueError, match=r"takes 4 channels \(blue, green, red, nir\)"):
        model.predict(np.zeros((40, 40, 3), np.uint8))


def test_networks_of_colours_alone_are_refused():
    with pytest.raises(ValueError, match="takes red, green and blue alone"):
        Architecture("deeplabv3-hf", shape={"a": 1}, channels=FOUR, mean=(0.0,) * 4, std=(1.0,) * 4)


def test_bytes_are_not_the_stored_values_of_channels():
    model = build(Architecture("deeplabv3-resnet18", width=0.125), ["x", "y"])
    take_channels(model, FOUR[:3])
    with pytest.raises(ValueError, match="takes stored values, not bytes"):
        check_exportable_whole(export_facts(model, None, ""))


@pytest.mark.parametrize("term", ["affinity", "crf"])
def test_terms_that_compare_colours_say_so(term):
    assert parse_task(["ce", term])[term].compares_colours
    assert not parse_task(["ce"])["ce"].compares_colours
