"""Light taken away by degrees."""

import numpy as np

from seglet.data.dark.darkened_dataset import DarkenedDataset
from seglet.data.dark.measure import measure_darkness
from seglet.data.dark.stops import stop_down, stops_darkening
from seglet.data.world.dataset import World

WORLD = World("val", scenes=2, size=32)
IMAGE = WORLD.read(0).image


def test_no_light_taken_away_leaves_the_image_itself():
    np.testing.assert_array_equal(stop_down(IMAGE, 0), IMAGE)


def test_hardly_any_light_taken_away_leaves_the_image_under_noise():
    difference = stop_down(IMAGE, 0.01).astype(int) - IMAGE
    assert abs(difference.mean()) < 2
    assert 0 < np.abs(difference).mean() < 15


def test_every_stop_makes_an_image_darker():
    means = [stop_down(IMAGE, stops).mean() for stops in range(9)]
    assert means == sorted(means, reverse=True)
    assert measure_darkness(stop_down(IMAGE, 4)).stops > measure_darkness(IMAGE).stops + 2


def test_a_stop_halves_the_light():
    assert stops_darkening(3).darkness == 1 / 8


def test_the_same_darkness_twice_is_the_same_image():
    np.testing.assert_array_equal(stop_down(IMAGE, 2.5), stop_down(IMAGE, 2.5))


def test_a_data_set_has_noise_of_its_own_for_each_image_and_the_same_every_time():
    less = DarkenedDataset(WORLD, 3.0)
    np.testing.assert_array_equal(less.read(1).image, DarkenedDataset(WORLD, 3.0).read(1).image)
    assert (less.read(0).image != stop_down(IMAGE, 3.0)).any()
    assert less.fingerprint != DarkenedDataset(WORLD, 4.0).fingerprint
