"""Objectives of the tiny models."""

import math

import pytest
import torch
from tools.pretrain.clip import alike, contrast, late_interaction
from tools.pretrain.unet import shortened_caption
from tools.pretrain.vae import slope_error
from torch.testing import assert_close


def test_equal_captions_share_the_probability():
    logits = torch.zeros(3, 3)
    same = alike(["a", "b", "a"])
    assert same.tolist() == [[True, False, True], [False, True, False], [True, False, True]]
    assert_close(contrast(logits, same), torch.tensor(math.log(3)))


def test_a_contrast_of_sure_pairs_costs_nothing():
    assert float(contrast(100 * torch.eye(4), torch.eye(4, dtype=torch.bool))) == pytest.approx(0, abs=1e-6)


def test_words_match_their_best_patch_and_patches_their_best_word():
    patches = torch.eye(4)[None, :2].repeat(2, 1, 1)
    patches[1] = torch.eye(4)[2:]  # the second image shows other things
    named, present = patches.clone(), torch.ones(2, 2, dtype=torch.bool)
    sure = late_interaction(patches, named, present, torch.eye(2, dtype=torch.bool), torch.tensor(50.0))
    assert float(sure) == pytest.approx(0, abs=1e-6)


def test_words_that_are_not_there_do_not_count():
    patches, named = torch.randn(2, 5, 4), torch.randn(2, 3, 4)
    present = torch.tensor([[True, True, False], [True, False, False]])
    other = torch.where(present[..., None], named, 9.0)
    eye, scale = torch.eye(2, dtype=torch.bool), torch.tensor(2.0)
    assert_close(
        late_interaction(patches, other, present, eye, scale), late_interaction(patches, named, present, eye, scale)
    )


@pytest.mark.parametrize(("chance", "left"), [(0.0, ""), (0.15, "a ball"), (0.5, "a ball on sand")])
def test_captions_are_left_out_or_lose_their_background(chance: float, left: str):
    assert shortened_caption("a ball on sand", chance) == left


def test_a_shifted_image_has_the_right_slopes():
    images = torch.rand(1, 3, 4, 4)
    assert float(slope_error(images + 0.5, images)) == pytest.approx(0, abs=1e-6)
