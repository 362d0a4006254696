import pytest
import torch
from torch import Tensor

from seglet.losses.zero_dce import (
    TERM_WEIGHTS,
    colour_loss,
    exposure_loss,
    smoothness_loss,
    structure_loss,
    zero_reference_terms,
)


def grey(value: float, size: int = 16) -> Tensor:
    return torch.full((2, 3, size, size), value)


def test_a_well_exposed_grey_image_that_nothing_changed_costs_nothing() -> None:
    terms = zero_reference_terms(grey(0.6), grey(0.6), torch.zeros(2, 24, 16, 16))
    assert all(term.item() == pytest.approx(0, abs=1e-6) for term in terms.values())


def test_a_dark_patch_costs_the_square_of_what_it_lacks() -> None:
    assert exposure_loss(grey(0.1)).item() == pytest.approx(0.25)


def test_structure_counts_each_pair_of_regions_from_both_sides() -> None:
    after = grey(0.5, 8)
    after[..., :4] = 0.7  # four regions, two pairs of which grew 0.2 apart
    assert structure_loss(grey(0.5, 8), after).item() == pytest.approx(2 * 2 * 0.04 / 4)
    assert structure_loss(grey(0.2, 8), grey(0.9, 8)).item() == pytest.approx(0, abs=1e-9)


def test_a_colour_cast_costs_its_distance_from_grey() -> None:
    red = grey(0.2)
    red[:, 0] = 0.6
    assert colour_loss(red).item() == pytest.approx((2 * 0.16**2) ** 0.5)


def test_smoothness_sums_over_curves_and_averages_over_places() -> None:
    curves = torch.zeros(1, 6, 2, 2)
    curves[:, :, :, 1] = 0.5  # across 0.25 in each of six maps, down 0
    assert smoothness_loss(curves).item() == pytest.approx(2 * 6 * 0.25)


def test_terms_come_weighted() -> None:
    terms = zero_reference_terms(grey(0.1), grey(0.1), torch.zeros(2, 3, 16, 16))
    assert terms["exposure"].item() == pytest.approx(TERM_WEIGHTS["exposure"] * 0.25)


@pytest.mark.parametrize("value", [0.0, 1.0, 1e4])
def test_gradients_stay_finite(value: float) -> None:
    after, curves = grey(value).requires_grad_(), torch.zeros(2, 3, 16, 16, requires_grad=True)
    sum(zero_reference_terms(grey(0.0), after, curves).values()).backward()
    assert after.grad is not None
    assert curves.grad is not None
    assert after.grad.isfinite().all()
    assert curves.grad.isfinite().all()


def test_half_precision_is_summed_in_single() -> None:
    assert exposure_loss(grey(0.1).half()).dtype == torch.float32


def test_images_smaller_than_a_patch_are_an_error() -> None:
    with pytest.raises(ValueError, match="at least 16x16"):
        zero_reference_terms(grey(0.1, 8), grey(0.1, 8), torch.zeros(2, 3, 8, 8))
