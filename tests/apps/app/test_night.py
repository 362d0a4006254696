"""Light taken away on the page."""

import numpy as np
import pytest

from seglet.apps.app.answers import Agreement
from seglet.apps.app.night import LIGHTS, Step, breaking_point, camera, darkened, fading
from seglet.data.dark.measure import darkness
from seglet.data.world import World

IMAGE = World("val", scenes=1, size=32).read(0).image


def test_no_light_taken_away_leaves_the_picture_itself():
    np.testing.assert_array_equal(darkened(IMAGE, 0), IMAGE)


def test_hardly_any_light_taken_away_leaves_the_picture_under_noise():
    difference = darkened(IMAGE, 0.01).astype(int) - IMAGE
    assert abs(difference.mean()) < 2
    assert 0 < np.abs(difference).mean() < 15


def test_every_stop_makes_a_picture_darker():
    means = [darkened(IMAGE, stops).mean() for stops in LIGHTS]
    assert means == sorted(means, reverse=True)
    assert darkness(darkened(IMAGE, 4)).stops > darkness(IMAGE).stops + 2


def test_a_stop_halves_the_light():
    assert camera(3).darkness == 1 / 8


def test_the_same_darkness_twice_is_the_same_picture():
    np.testing.assert_array_equal(darkened(IMAGE, 2.5), darkened(IMAGE, 2.5))


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
