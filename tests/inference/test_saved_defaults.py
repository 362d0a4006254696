"""Options that are saved with a network hold where none are given."""

import json
from dataclasses import replace

import numpy as np
import pytest

from seglet.data.opening import open_dataset
from seglet.engine.settings import Settings
from seglet.engine.train import _remember_use
from seglet.inference.options import InferenceOptions, SegmentOptions
from seglet.inference.predict import predict_maps, with_saved_defaults
from seglet.inference.segment import segment_image
from seglet.methods.dgkd.config import Config as DgkdConfig
from seglet.methods.ssss import Config as SsssConfig
from seglet.methods.ssss import Method as SsssMethod
from seglet.methods.supervised import Config as SupervisedConfig
from seglet.methods.supervised import Method as SupervisedMethod
from seglet.models.architecture import Architecture
from seglet.models.class_maps import default_views
from seglet.models.inference_defaults import InferenceDefaults
from seglet.models.multiscale import MultiScaleOptions
from seglet.models.segmenter import Segmenter, build

IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
NAMES = ("background", "cat", "dog")


def network(name: str, defaults: InferenceDefaults | None = None) -> Segmenter:
    built = build(Architecture(name, width=0.125), NAMES).eval()
    built.architecture = replace(built.architecture, inference=defaults)
    return built


def test_defaults_are_saved_with_a_network_and_absent_where_there_are_none(tmp_path):
    model = network("ssss-resnet18", InferenceDefaults(scales=(1.0, 0.5), flip=False, focal_floor=0.3))
    model.save(tmp_path / "model")
    assert Segmenter.load(tmp_path / "model").architecture == model.architecture
    written = json.loads((tmp_path / "model/config.json").read_text())["architecture"]
    assert written["inference"] == {"scales": [1.0, 0.5], "flip": False, "focal_floor": 0.3}
    assert "inference" not in network("ssss-resnet18").architecture.as_dict()
    with pytest.raises(ValueError, match="unknown inference default 'scale'"):
        Architecture.from_dict({"name": "ssss-resnet18", "inference": {"scale": [1]}})


def test_views_without_saved_defaults_are_those_of_the_heads_paper():
    assert default_views(Architecture("ssss-resnet18")) == MultiScaleOptions((1.0, 0.5, 1.5, 2.0), True, 3.0, 0.1)
    assert default_views(Architecture("cam-resnet18")).background_power == 1.0


def test_each_method_saves_its_papers_test_protocol():
    ssss = SsssConfig().inference_defaults(0.1)
    assert (ssss.scales, ssss.flip, ssss.background_power, ssss.focal_floor) == ((1.0, 0.5, 1.5, 2.0), True, 3.0, 0.01)
    dgkd = DgkdConfig(distil="none").inference_defaults(0.1)
    assert (dgkd.scales, dgkd.flip, dgkd.background_power, dgkd.focal_floor) == ((1.0, 0.5, 0.75), False, 1.0, 0.3)


def test_a_network_of_tags_is_looked_at_with_what_it_was_trained_with():
    saved = InferenceDefaults(scales=(1.0,), flip=False, background_power=1.0, least_score=0.4, focal_floor=0.3)
    model, options = network("ssss-resnet18", saved), InferenceOptions()
    assert default_views(model.architecture) == MultiScaleOptions((1.0,), False, 1.0, 0.4, 3.0, 0.3)
    explicit = InferenceOptions(scales=(1.0,), flip=False, background_power=1.0, least_score=0.4)
    floor = network("ssss-resnet18", InferenceDefaults(focal_floor=0.3))
    maps = predict_maps(model, IMAGE, None, options)
    np.testing.assert_array_equal(maps, predict_maps(floor, IMAGE, None, explicit))
    assert np.abs(maps - predict_maps(network("ssss-resnet18"), IMAGE, None, options)).max() > 1e-3


def test_windows_of_the_validation_hold_unless_an_option_says_otherwise():
    model = network("pspnet-resnet18", InferenceDefaults(window=(32, 32), stride=(16, 16)))
    plain = network("pspnet-resnet18")

    def confidence(network: Segmenter, **options: object) -> np.ndarray:
        return segment_image(network, IMAGE, SegmentOptions(inference=InferenceOptions(**options))).confidence

    in_windows = confidence(plain, window=(32, 32), stride=(16, 16))
    np.testing.assert_array_equal(confidence(model), in_windows)
    np.testing.assert_array_equal(confidence(model, whole_images=True), confidence(plain))
    np.testing.assert_array_equal(confidence(model, window=(40, 40)), confidence(plain, window=(40, 40)))
    assert np.abs(in_windows - confidence(plain)).max() > 1e-4
    assert with_saved_defaults(plain, InferenceOptions()) == InferenceOptions()
    with pytest.raises(ValueError, match="leave out one of --whole-images and --window"):
        InferenceOptions(window=(32, 32), whole_images=True)


def test_a_run_saves_the_protocol_of_its_method_and_the_windows_of_its_validations():
    data = open_dataset("world:scenes=2,size=32", "train")
    config = SsssConfig(student="ssss-resnet18", width=0.125, student_weights=None)
    method = SsssMethod.build(config, data.classes, seed=0)
    _remember_use(method, [data], Settings())
    assert method.student.architecture.inference == config.inference_defaults(config.least_score)
    plain = SupervisedMethod.build(SupervisedConfig(student="pspnet-resnet18", width=0.125), data.classes, seed=0)
    _remember_use(plain, [data], Settings(val_window=(64, 64)))
    assert plain.student.architecture.inference == InferenceDefaults(window=(64, 64))
    _remember_use(plain, [data], Settings())
    assert plain.student.architecture.inference is None
