"""Scores of the tiny models."""

import pytest
import torch
from tools.pretrain.scores import cam, held_out, mean_average_precision, without_mixing
from tools.pretrain.texts import words
from torch.testing import assert_close

from seglet.data.world.dataset import World
from seglet.models.foundation.tiny.clip import TinyCLIP


def test_average_precision_is_the_mean_precision_at_each_hit():
    scores = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    truth = torch.tensor([[True, False], [False, False], [True, False]])
    assert mean_average_precision(scores, truth) == pytest.approx((1 + 2 / 3) / 2)  # the second class never occurs


def test_maps_are_stretched_and_absent_classes_empty():
    similarity = torch.linspace(0, 1, 256)[:, None].repeat(1, 3)
    maps = cam(similarity, torch.tensor([True, False, True]))
    assert maps.shape == (4, 128, 128)
    assert maps[0].max() == maps[2].max() == 0
    assert (float(maps[1].min()), float(maps[1].max())) == (0, 1)


def test_scenes_to_score_on_are_no_scenes_to_learn_from():
    seeds = {scene.plan.seed for scene in held_out(3, 64)}
    assert not seeds & {World("pretrain", scenes=3).scene(index).plan.seed for index in range(3)}


def test_identity_attention_adds_each_patchs_own_value():
    model, images = TinyCLIP(words()), torch.rand(1, 3, 32, 32)
    for layer in model.clip.vision_model.encoder.layers[TinyCLIP.depth - 3 :]:
        layer.self_attn.out_proj.weight.data.zero_()  # nothing said, nothing added
    assert_close(without_mixing(model, images), model.layer(images, TinyCLIP.depth))
