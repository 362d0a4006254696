import math

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near
from tests.losses.ssss import decoded, scores

from seglet.losses.task import multilabel_soft_margin

Case = dict[str, np.ndarray]


@pytest.mark.golden("weak", "ssss_head")
def test_matches_authors_numbers(case: Case) -> None:
    loss = multilabel_soft_margin(scores(case, decoded(case)), torch.from_numpy(case["labels"]))
    assert_near(loss, case["loss_cls"], 1e-5)


def test_undecided_scores_cost_log_two() -> None:
    assert multilabel_soft_margin(torch.zeros(2, 3), torch.eye(3)[:2]).item() == pytest.approx(math.log(2))


def test_it_is_torchs_own() -> None:
    values, tags = torch.randn(4, 5, generator=torch.Generator().manual_seed(0)), torch.eye(5)[:4]
    torch.testing.assert_close(
        multilabel_soft_margin(values, tags), torch.nn.functional.multilabel_soft_margin_loss(values, tags)
    )


@pytest.mark.parametrize("values", [[1e5, -1e5], [-1e5, 1e5], [0.0, 0.0]])
def test_huge_scores_stay_finite(values: list[float]) -> None:
    logits = torch.tensor([values], requires_grad=True)
    multilabel_soft_margin(logits, torch.tensor([[1.0, 0.0]])).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_half_precision_is_summed_in_single() -> None:
    assert multilabel_soft_margin(torch.zeros(1, 2, dtype=torch.float16), torch.zeros(1, 2)).dtype == torch.float32


def test_an_empty_batch_costs_nothing() -> None:
    assert multilabel_soft_margin(torch.zeros(0, 3), torch.zeros(0, 3)) == 0
