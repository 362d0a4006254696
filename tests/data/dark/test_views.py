"""Views taken in the dark."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.data.toys import sample

from seglet.data.augment.geometry import Augmentation, AugmentedView, augmented_view
from seglet.data.dark.pipeline import darken_image
from seglet.data.dark.presets import night_camera_ranges
from seglet.data.dark.views import DarkViews
from seglet.data.loading.dark_light_pairs import PairConfig
from seglet.data.loading.step_sampler import augmentation_rng
from seglet.data.world.dataset import World
from seglet.engine.datasets import split_source
from seglet.engine.settings import Settings
from seglet.engine.training_loader import view_augmentation

LIT = Augmentation(crop=(18, 25))
DARK = replace(LIT, dark=DarkViews("extreme", 1.0))


def view_of(how: Augmentation, position: int = 0) -> AugmentedView:
    return augmented_view(sample(), how, augmentation_rng(7, position))


def test_a_view_in_the_dark_shows_the_same_part_with_less_light() -> None:
    lit, dark = view_of(LIT), view_of(DARK)
    assert (lit.box, lit.flipped) == (dark.box, dark.flipped)
    np.testing.assert_array_equal(lit.labels, dark.labels)
    assert dark.image.mean() < lit.image.mean() / 2
    assert 0 <= dark.image.min() <= dark.image.max() <= 1


def test_it_depends_on_seed_and_position_alone() -> None:
    torch.testing.assert_close(view_of(DARK).image, view_of(DARK).image, rtol=0, atol=0)
    assert (view_of(DARK, 1).image != view_of(DARK).image).any()


def test_without_darkness_views_are_unchanged() -> None:
    rng, same = augmentation_rng(7, 0), augmentation_rng(7, 0)
    augmented_view(sample(), LIT, rng)
    augmented_view(sample(), replace(LIT, dark=DarkViews("none", 1.0)), same)
    assert rng.random() == same.random()


def test_a_share_of_the_views_is_darkened() -> None:
    image, half = np.full((4, 4, 3), 0.5, np.float32), DarkViews("night", 0.25)
    changed = [half.apply(image, np.random.default_rng(seed)) is not image for seed in range(400)]
    assert np.mean(changed) == pytest.approx(0.25, abs=0.05)


def test_highlights_are_kept_in_a_dark_view() -> None:
    white, shares = np.ones((4, 4, 3), np.float32), []
    for keep in (False, True):
        dark = DarkViews("mild", 1.0, keep).apply(white, np.random.default_rng(0))
        shares.append(dark.mean())
    assert shares[0] < shares[1] < 1


def test_views_may_have_a_range_of_stops_of_light_less() -> None:
    image = np.full((64, 64, 3), 0.5, np.float32)
    few, many = (DarkViews("stops", 1.0, stops=(s, s)).apply(image, np.random.default_rng(0)) for s in (2.0, 4.0))
    ranged = [DarkViews("stops", 1.0, stops=(2.0, 4.0)).apply(image, np.random.default_rng(k)) for k in range(20)]
    assert few.mean() == pytest.approx(0.5 * 2 ** (-2 / 2.2), rel=0.05)  # gamma 2.2
    assert many.mean() == pytest.approx(0.5 * 2 ** (-4 / 2.2), rel=0.05)
    assert all(many.mean() < view.mean() * 1.05 < few.mean() * 1.1 for view in ranged)
    np.testing.assert_array_equal(
        DarkViews("stops", 1.0, stops=(0.0, 0.0)).apply(image, np.random.default_rng(0)), image
    )


def test_views_and_validation_images_may_be_taken_by_the_camera_that_adapts() -> None:
    taken = replace(LIT, dark=DarkViews("night", 1.0, variant="camera"))
    assert view_of(taken).image.mean() < view_of(LIT).image.mean() / 1.5
    assert (view_of(taken).image != view_of(replace(LIT, dark=DarkViews("night", 1.0))).image).any()
    settings = Settings(dark="night", dark_variant="camera", world_scenes=2)
    scored = PairConfig(light="self").validation_images(split_source(settings))
    light = World("val", scenes=100).read(0)
    drawn = night_camera_ranges("night").draw(0, light.id)
    np.testing.assert_array_equal(scored.read(0).image, darken_image(light.image, drawn))


def test_an_experiment_sets_the_darkness() -> None:
    settings = Settings(dark="mild", dark_share=0.3, dark_safe_invert=True)
    assert view_augmentation(settings).dark == DarkViews("mild", 0.3, safe_invert=True)
    assert view_augmentation(Settings()).dark.dark == "none"


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("dark", "share"), [("dusk", 0.5), ("night", 1.5), ("night", -0.1)])
def test_impossible_darkness_is_refused(dark: str, share: float) -> None:
    with pytest.raises(ValueError, match="expected dark of none, mild, night, extreme"):
        DarkViews(dark, share)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"expected stops of light 0 <= low <= high, got \(4.0, 2.0\)"):
        DarkViews("stops", 1.0, stops=(4.0, 2.0))
