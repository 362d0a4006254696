from collections.abc import Mapping

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near

from seglet.losses.distillation.kl import kl_divergence
from seglet.losses.task import cross_entropy
from seglet.losses.vila import (
    diffusion_loss,
    edge_cross_entropy,
    feature_distillation,
    image_cross_entropy,
    lower_cross_entropy,
    noise_loss,
    stream_loss,
)
from seglet.models.diffusion.routing import confidence_threshold
from seglet.types import IGNORE, Target

Case = Mapping[str, np.ndarray]


def target(labels: torch.Tensor) -> Target:
    return Target(labels, torch.ones(labels.shape))


def logits(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(seed))


LABELS = torch.randint(3, (2, 4, 4), generator=torch.Generator().manual_seed(9))


@pytest.mark.golden("semi", "distill")
@pytest.mark.parametrize(("distance", "name"), [("sum", "L_feat_sum"), ("mean", "L_feat_mse")])
def test_features_are_distilled_by_distance_and_direction(case: Case, distance: str, name: str) -> None:
    student, teacher = (torch.from_numpy(case[key]) for key in ("F_s", "F_t"))
    loss = feature_distillation(student, teacher, float(case["lam"]), distance)  # type: ignore[arg-type]
    assert_near(loss, case[name], 1e-12)


@pytest.mark.golden("semi", "distill")
def test_logits_are_distilled_by_divergence_at_a_temperature(case: Case) -> None:
    student, teacher = (torch.from_numpy(case[key]) for key in ("L_s", "L_t"))
    loss = kl_divergence(student, teacher, float(case["T"]))
    assert_near(loss, case["L_logits_pixelmean"], 1e-12)
    assert_near(loss * student[0, 0].numel(), case["L_logits_batchmean"], 1e-12)


@pytest.mark.golden("semi", "protocol")
def test_the_threshold_rises_over_the_first_half(case: Case) -> None:
    rising = [confidence_threshold(int(step) / int(case["total_iters"])) for step in case["iters"]]
    assert_near(rising, case["tau"], 1e-12)


def test_equal_features_cost_nothing_and_opposite_ones_a_turn() -> None:
    features = torch.tensor([[3.0, 4.0]])
    assert feature_distillation(features, features) == pytest.approx(0, abs=1e-6)
    assert feature_distillation(-features, features, direction=1.0) == pytest.approx(50 + 2)


def test_a_feature_of_zeros_gives_no_nan() -> None:
    dead = torch.zeros(1, 4, requires_grad=True)
    feature_distillation(dead, torch.ones(1, 4)).backward()
    assert torch.isfinite(dead.grad).all()  # type: ignore[arg-type]


def test_the_better_stream_is_chosen_image_by_image() -> None:
    right = torch.nn.functional.one_hot(LABELS, 3).permute(0, 3, 1, 2).float()
    first = torch.stack((right[0], -right[1]))
    assert lower_cross_entropy(first, torch.zeros(2, 3, 4, 4), target(LABELS)).tolist() == [True, False]
    assert not lower_cross_entropy(first, torch.zeros(2, 3, 4, 4), target(torch.full_like(LABELS, IGNORE))).any()
    torch.testing.assert_close(
        image_cross_entropy(logits(), target(LABELS)).mean(), cross_entropy(logits(), target(LABELS))
    )


def test_edges_alone_count_at_the_boundary() -> None:
    edges = torch.zeros(2, 4, 4, dtype=torch.bool)
    assert edge_cross_entropy(logits(), target(LABELS), edges) == 0
    edges[0, 1, 2] = True
    expected = -logits()[0, :, 1, 2].log_softmax(0)[LABELS[0, 1, 2]]
    torch.testing.assert_close(edge_cross_entropy(logits(), target(LABELS), edges), expected)


def test_noise_counts_only_where_there_is_some() -> None:
    where = torch.tensor([[[True, False]]])
    found, noise = torch.tensor([[[[3.0, 9.0]]]]), torch.tensor([[[[1.0, 0.0]]]])
    assert noise_loss(found, noise, where) == 4
    assert noise_loss(found, noise, ~where & False) == 0


def test_terms_are_weighted_and_streams_averaged() -> None:
    terms = {name: torch.tensor(value) for name, value in (("region", 1.0), ("edge", 2.0), ("noise", 4.0))}
    assert diffusion_loss(terms) == 4
    alone, both = stream_loss(logits(), None, target(LABELS)), stream_loss(logits(), logits(1), target(LABELS))
    torch.testing.assert_close(alone, cross_entropy(logits(), target(LABELS)))
    torch.testing.assert_close(both, (alone + cross_entropy(logits(1), target(LABELS))) / 2)
