from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.data.toys import random_image, sample

from seglet.data.augment.geometry import Augmentation, augmented_view
from seglet.data.columns.token_grid import covered_tokens, crop_token_grid
from seglet.data.loading.collation import crop_record
from seglet.types import Crop

ROUNDED = 1.01 / 255
"""Pillow rounds a resized image to 8 bits, twice."""


def grid(*shape):
    return torch.from_numpy(random_image(*shape).astype(np.float32) / 255).permute(2, 0, 1)[None]


@pytest.mark.parametrize("size", [(20, 30), (31, 17), (64, 64)])
@pytest.mark.parametrize("seed", range(12))
def test_a_grid_that_is_the_image_gives_the_view(seed, size):
    augment = Augmentation(crop=(17, 23), scale=(0.5, 2), flip=0.5)
    viewed = augmented_view(replace(sample(*size)), augment, np.random.default_rng(seed))
    crop, inside = crop_record([viewed]), torch.from_numpy(viewed.valid)
    taken = crop_token_grid(grid(*size), crop, (17, 23))[0]
    assert ((taken - viewed.image).abs() * inside).max() < 1.5 * ROUNDED
    assert torch.equal(covered_tokens(crop, (17, 23))[0], inside)


@pytest.mark.parametrize("seed", range(8))
def test_unscaled_views_are_met_exactly(seed):
    viewed = augmented_view(sample(), Augmentation(crop=(9, 11), scale=(1, 1)), np.random.default_rng(seed))
    torch.testing.assert_close(
        crop_token_grid(grid(20, 30), crop_record([viewed]), (9, 11))[0], viewed.image, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("seed", range(8))
def test_an_image_of_its_own_resolution_follows_the_view(seed):
    ramp = np.linspace(0, 1, 40, dtype=np.float32)[None].repeat(26, 0)  # of an image of 20 x 30
    viewed = augmented_view(
        sample(columns={"ramp": ramp}), Augmentation(crop=(10, 10), scale=(0.75, 1.5)), np.random.default_rng(seed)
    )
    assert viewed.columns["ramp"].shape == (26, 40)  # without a kind, it is left whole
    viewed = augmented_view(
        replace(sample(columns={"ramp": ramp}), kinds={"ramp": "image"}),
        Augmentation(crop=(10, 10), scale=(0.75, 1.5)),
        np.random.default_rng(seed),
    )
    wanted = crop_token_grid(torch.from_numpy(ramp)[None, None], crop_record([viewed]), (10, 10))[0, 0]
    torch.testing.assert_close(viewed.columns["ramp"], wanted, atol=0.02, rtol=0)


def test_each_image_follows_its_own_box():
    crop = Crop(torch.tensor([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]), torch.tensor([False, True]))
    grids = torch.arange(16.0).reshape(1, 1, 4, 4).expand(2, -1, -1, -1)
    assert crop_token_grid(grids, crop, (2, 2))[:, 0].tolist() == [[[0, 1], [4, 5]], [[11, 10], [15, 14]]]


def test_beyond_the_image_the_nearest_tokens_go_on():
    crop = Crop(torch.tensor([[0, 0, 1, 2.0]]), torch.tensor([False]))
    assert crop_token_grid(torch.tensor([[[[1.0, 2.0]]]]), crop, (1, 4)).tolist() == [[[[1, 2, 2, 2]]]]
    assert covered_tokens(crop, (1, 4)).tolist() == [[[True, True, False, False]]]


def test_half_precision_grids_are_taken_in_full_and_gradients_reach_them():
    grids = torch.ones(1, 2, 3, 3, dtype=torch.float16, requires_grad=True)
    taken = crop_token_grid(grids, Crop(torch.tensor([[0, 0, 1, 1.0]]), torch.tensor([False])), (2, 2))
    assert taken.dtype == torch.float32
    taken.sum().backward()
    assert grids.grad.sum() == pytest.approx(8, abs=0.01)


def test_a_grid_as_large_as_its_image_stays_whole():
    marked = replace(sample(columns={"grid": random_image(20, 30)}), kinds={"grid": "grid"})
    viewed = augmented_view(marked, Augmentation(crop=(8, 8)), np.random.default_rng(0))
    assert viewed.columns["grid"].shape == (20, 30, 3)
