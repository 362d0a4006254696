"""Light taken away on the page."""

import numpy as np
import pytest

from seglet.data.world.dataset import World
from seglet.webapp.answers import Agreement
from seglet.webapp.darkness_curve import LIGHTS, Step, breaking_point, fading

IMAGE = World("val", scenes=1, size=32).read(0).image


def test_what_sees_nothing_but_brightness_fades_and_breaks():
    def bright(image):
        return (image.mean(axis=2) > 60).astype(np.uint8)

    steps = fading(bright, IMAGE, 2)
    assert steps[0].left == Agreement(1.0, 1.0)
    assert steps[-1].left.pixels == pytest.approx(1 - bright(IMAGE).mean(), abs=0.1)
    assert breaking_point(steps) in LIGHTS[1:]


def test_what_never_breaks_has_no_breaking_point():
    assert breaking_point([Step(0, Agreement(1, 1)), Step(8, Agreement(0.9, 0.5))]) is None
    assert breaking_point([Step(0, Agreement(1, 1)), Step(8, Agreement(0.9, 0.49))]) == 8
