import math

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near

from seglet.models.class_scores import class_scores, pooled_scores, size_penalty

Case = dict[str, np.ndarray]


@pytest.mark.golden("weak", "ssss_head")
def test_scores_are_the_authors(case: Case) -> None:
    foreground = torch.from_numpy(case["logits_fg"]).double()
    logits = torch.cat([torch.ones_like(foreground[:, :1]), foreground], dim=1)
    masks, options = logits.softmax(1), (float(case["focal_p"]), float(case["focal_lambda"]))
    assert_near(pooled_scores(logits, masks), case["cls_1_ngwp"], 1e-5)
    assert_near(size_penalty(masks.mean((2, 3)), *options), case["cls_2_focal"], 1e-5)
    assert_near(class_scores(logits, *options), case["cls"], 1e-5)


@pytest.mark.golden("weak", "pseudo_gt")
@pytest.mark.parametrize(("name", "floor"), [("focal_p3_c001", 0.01), ("focal_p3_c03", 0.3)])
def test_the_penalty_of_size_is_the_authors(case: Case, name: str, floor: float) -> None:
    ours = size_penalty(torch.from_numpy(case["focal_x"]).double(), 3, floor)
    assert_near(ours, case[name], 1e-5)


def test_an_empty_mask_scores_zero_and_pays_the_logarithm_of_the_floor() -> None:
    logits = torch.tensor([1e4, -1e4]).view(1, 2, 1, 1).expand(1, 2, 3, 3)
    assert class_scores(logits).item() == pytest.approx(math.log(0.01))


def test_a_mask_of_everything_scores_almost_its_logit() -> None:
    logits = torch.tensor([-50.0, 50.0]).view(1, 2, 1, 1).expand(1, 2, 3, 3)
    assert class_scores(logits, focal_power=0.5).item() == pytest.approx(50 * 9 / 10)


@pytest.mark.parametrize("strength", [0.0, 1e-6, 1e4])
@pytest.mark.parametrize("shape", [(1, 2, 1, 1), (2, 4, 5, 3)])
def test_any_logits_give_finite_scores_and_gradients(strength: float, shape: tuple[int, ...]) -> None:
    logits = (strength * torch.randn(shape, generator=torch.Generator().manual_seed(0))).requires_grad_()
    class_scores(logits).sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_half_precision_is_scored_in_single() -> None:
    assert class_scores(torch.zeros(1, 3, 4, 4, dtype=torch.float16)).dtype == torch.float32
