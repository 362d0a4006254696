import numpy as np
import pytest

from seglet.data.world.appearance import OBJECT_HUES, OBJECT_TEXTURES, TYPICAL_APPEARANCES
from seglet.data.world.shapes import SHAPE_FIELDS, SHAPE_REACH

V, U = (grid.astype(np.float32) for grid in np.mgrid[-1.5:1.5:301j, -1.5:1.5:301j])


def inside(name):
    return SHAPE_FIELDS[name](U, V) < 0


@pytest.mark.parametrize("name", SHAPE_FIELDS)
def test_shape_is_large_enough_and_within_reach(name):
    found = inside(name)
    assert found.mean() * 9 > 0.7  # in squared radii
    assert np.sqrt(U**2 + V**2)[found].max() < SHAPE_REACH


@pytest.mark.parametrize("name", SHAPE_FIELDS)
def test_field_is_close_to_the_distance_near_the_outline(name):
    field = SHAPE_FIELDS[name](U, V)
    slope = np.hypot(*np.gradient(field, 0.01))[np.abs(field) < 0.03]
    assert 0.6 < np.median(slope) < 1.4


def test_no_two_shapes_are_alike():
    masks = [inside(name) for name in SHAPE_FIELDS]
    overlaps = [(a & b).sum() / (a | b).sum() for i, a in enumerate(masks) for b in masks[:i]]
    assert max(overlaps) < 0.9


def test_ring_has_a_hole_and_ball_is_round():
    assert not inside("ring")[150, 150]
    assert inside("ball").sum() * 1e-4 == pytest.approx(np.pi * 0.95**2, rel=0.01)


@pytest.mark.parametrize(("name", "turns"), [("star", 5), ("flower", 6)])
def test_star_and_flower_repeat_around_their_centre(name, turns):
    cos, sin = np.array([np.cos(2 * np.pi / turns), np.sin(2 * np.pi / turns)], np.float32)
    turned = SHAPE_FIELDS[name](cos * U - sin * V, sin * U + cos * V)
    np.testing.assert_allclose(turned, SHAPE_FIELDS[name](U, V), atol=5e-4)


@pytest.mark.parametrize("name", OBJECT_TEXTURES)
def test_textures_show_both_colours_unless_plain(name):
    weight = OBJECT_TEXTURES[name](U, V)
    assert weight.min() == 0
    assert weight.max() == (0 if name == "plain" else 1)


def test_no_hue_gives_a_shape_away():
    for hue in OBJECT_HUES:
        assert sum(any(appearance.hue == hue for appearance in both) for both in TYPICAL_APPEARANCES.values()) >= 2
