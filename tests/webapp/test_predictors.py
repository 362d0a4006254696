"""Predictions of one image on the page, and the agreement of two masks."""

import numpy as np
import pytest

from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.inference.options import InferenceOptions
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build, load
from seglet.types import Classes
from seglet.webapp import predictors
from seglet.webapp.predictors import ImagePrediction, SegmenterPredictor, compare_masks

TWO = Classes(("background", "cat"), ((0, 0, 0), (255, 0, 0)))


@pytest.fixture(scope="module")
def image():
    return World("val", scenes=1, size=40).read(0).image


def test_a_prediction_is_that_of_predict_with_an_uncertainty(model, image):
    network = load(model)
    prediction = SegmenterPredictor("it", network, samples=4).predict(image, "a.png")
    sampled = network.predict(image, 4)
    np.testing.assert_array_equal(prediction.labels, network.predict(image).labels)
    np.testing.assert_allclose(prediction.uncertainty, sampled.uncertainty * len(WORLD_CLASSES), rtol=1e-6)
    assert prediction.message == ""


@pytest.mark.parametrize(
    ("name", "samples", "message"), [("cam-resnet18", 8, "from class maps"), ("deeplabv3-resnet18", 0, "--samples")]
)
def test_a_message_says_why_there_is_no_uncertainty(name, samples, message, image):
    prediction = SegmenterPredictor(
        "it", build(Architecture(name, width=0.125), WORLD_CLASSES), samples=samples
    ).predict(image, "a.png")
    assert prediction.uncertainty is None
    assert message in prediction.message


def test_a_head_without_dropout_has_no_uncertainty(image):
    plain = build(Architecture("deeplabv3-resnet18", width=0.125, dropout=0.0, aspp_dropout=0.0), WORLD_CLASSES)
    assert "no dropout" in SegmenterPredictor("it", plain).predict(image, "a.png").message


def test_an_exported_network_has_no_uncertainty(model, image, monkeypatch):
    monkeypatch.setattr(predictors, "read_export_facts", lambda model: object())
    assert "exported" in SegmenterPredictor("it", load(model)).predict(image, "a.png").message


def test_inference_options_are_followed(model, image):
    network = load(model)
    flipped = SegmenterPredictor("it", network, InferenceOptions(flip=True)).labels(image, "a.png")
    mirrored = SegmenterPredictor("it", network, InferenceOptions(flip=True)).labels(image[:, ::-1].copy(), "a.png")
    assert (flipped == mirrored[:, ::-1]).mean() > 0.99


def test_shares_are_those_of_all_pixels():
    prediction = ImagePrediction(TWO, np.array([[1, 1, 1, 0]], np.uint8), np.array([[0.9, 0.8, 0.7, 0.6]]))
    assert prediction.class_shares() == [(1, 0.75, pytest.approx(0.8)), (0, 0.25, pytest.approx(0.6))]


def test_agreement_is_of_pixels_and_of_classes():
    first, second = np.array([[0, 0, 0, 1]], np.uint8), np.array([[0, 0, 1, 1]], np.uint8)
    found = compare_masks(first, second, 2)
    assert found.pixels == 0.75
    assert found.miou == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert compare_masks(first, first, 2).miou == 1


def test_void_all_over_agrees_with_anything():
    void = np.full((2, 2), 255, np.uint8)
    assert compare_masks(void, np.zeros((2, 2), np.uint8), 2).pixels == 1
