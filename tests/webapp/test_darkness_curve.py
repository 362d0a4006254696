"""Light taken away on the page."""

import numpy as np
import pytest

from seglet.data.world.dataset import World
from seglet.webapp.darkness_curve import DARKENING_STOPS, DarkeningStep, breaking_point, darkness_curve
from seglet.webapp.predictors import MaskAgreement

IMAGE = World("val", scenes=1, size=32).read(0).image


def test_a_prediction_by_brightness_alone_breaks():
    def bright(image):
        return (image.mean(axis=2) > 60).astype(np.uint8)

    steps = darkness_curve(bright, IMAGE, 2)
    assert steps[0].agreement == MaskAgreement(1.0, 1.0)
    assert steps[-1].agreement.pixels == pytest.approx(1 - bright(IMAGE).mean(), abs=0.1)
    assert breaking_point(steps) in DARKENING_STOPS[1:]


def test_a_prediction_that_never_breaks_has_no_breaking_point():
    assert breaking_point([DarkeningStep(0, MaskAgreement(1, 1)), DarkeningStep(8, MaskAgreement(0.9, 0.5))]) is None
    assert breaking_point([DarkeningStep(0, MaskAgreement(1, 1)), DarkeningStep(8, MaskAgreement(0.9, 0.49))]) == 8
