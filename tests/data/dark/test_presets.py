"""Parameters drawn for an image."""

import math
from dataclasses import replace
from typing import get_args

import pytest

from seglet.data.dark.parameters import Darkening, darkening_from_dict
from seglet.data.dark.presets import (
    MAET_ISP_RANGES,
    MAET_RANGES,
    DarkeningRanges,
    DarkPreset,
    ValueRange,
    preset_ranges,
)

NAMES = get_args(DarkPreset)


def test_half_of_all_draws_lie_below_the_median() -> None:
    assert ValueRange(2.0, 3.5).at(0.5) == 2.75
    assert ValueRange(-1.0, 1.0, 0.0, 0.3).at(0.5) == pytest.approx(0, abs=1e-12)
    assert ValueRange(0.0, 9.0, 0.0, 1.0).at(0.5) == pytest.approx(0.6745, abs=1e-3)  # of the half that is left


def test_a_truncated_distribution_stays_within_its_bounds() -> None:
    cut = ValueRange(0.01, 1.0, 0.1, 0.08)
    values = [cut.at(step / 1000) for step in range(1000)]
    assert values[0] == pytest.approx(0.01)
    assert values == sorted(values)
    assert max(values) < 1


def test_the_draw_depends_on_seed_and_name_alone() -> None:
    assert MAET_RANGES.draw(0, "a") == MAET_RANGES.draw(0, "a")
    assert len({MAET_RANGES.draw(seed, name).noise_seed for seed in (0, 1) for name in ("a", "b")}) == 4


def test_numbers_drawn_once_are_drawn_for_ever() -> None:
    drawn = MAET_RANGES.draw(0, "2007_000032")
    assert (drawn.camera, drawn.bits, drawn.noise_seed) == (1, 16, 212062518333247)
    assert drawn.darkness == pytest.approx(0.09798189055498, rel=1e-9)


@pytest.mark.parametrize(
    "ranges", [MAET_RANGES, MAET_ISP_RANGES, *map(preset_ranges, NAMES), preset_ranges("night", "isp")]
)
def test_what_is_drawn_lies_in_its_range(ranges: DarkeningRanges) -> None:
    for number in range(50):
        drawn = ranges.draw(number, "x")
        for name in ("darkness", "gamma", "gain", "red_gain", "blue_gain"):
            spread = getattr(ranges, name)
            assert spread.low <= getattr(drawn, name) <= spread.high
        assert drawn.bits in ranges.bits
        assert ranges.log_shot.low <= math.log(drawn.shot_noise) <= ranges.log_shot.high
        assert abs(math.log(drawn.read_noise) - 2.18 * math.log(drawn.shot_noise) - 1.2) <= 1.04 + 1e-9


def test_each_preset_is_darker_than_the_one_before() -> None:
    light = [sum(preset_ranges(name).draw(number, "x").darkness for number in range(200)) for name in NAMES]
    assert light[0] > 2 * light[1] > 4 * light[2]


def test_the_isp_variant_keeps_the_presets_darkness() -> None:
    assert preset_ranges("mild", "isp").draw(3, "x").darkness == preset_ranges("mild").draw(3, "x").darkness
    assert preset_ranges("mild", "isp").draw(3, "x").bits in (4, 6, 8)


def test_steps_that_would_swallow_all_light_are_refused() -> None:
    with pytest.raises(ValueError, match="take degrade"):
        preset_ranges("extreme", "isp")


@pytest.mark.usefixtures("unchecked")
def test_an_unknown_preset_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="mild, night, extreme, got 'dusk'"):
        preset_ranges("dusk")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"darkness": 0.0}, {"bits": 0}, {"read_noise": -1.0}, {"camera": 4}, {"camera": -1}])
def test_impossible_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        replace(SOME, **wrong)  # type: ignore[arg-type]


def test_stored_parameters_with_an_unknown_key_are_refused() -> None:
    with pytest.raises(ValueError, match="did you mean 'darkness'"):
        darkening_from_dict({**SOME.as_dict(), "darknes": 0.1})


SOME = Darkening("degrade", 0.1, 2.5, 1, 0.8, 2.0, 1.7, 0.002, 1e-6, 14, 7)
