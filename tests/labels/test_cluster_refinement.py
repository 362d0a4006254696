from functools import partial
from typing import get_args

import pytest
import torch
from torch import Tensor

from seglet.labels.attention.cluster_refinement import (
    RelationUpdate,
    attention_above_mean,
    refine_attention,
    same_group,
)
from seglet.labels.attention.clusters import attention_clusters

HALVES = torch.tensor([[[0.4, 0.3, 0.2, 0.1], [0.3, 0.4, 0.1, 0.2], [0.2, 0.1, 0.4, 0.3], [0.1, 0.2, 0.3, 0.4]]])
"""Of two patches on the left and two on the right."""


def two_groups(attention: Tensor) -> Tensor:
    return torch.tensor([[0, 0, 1, 1]])


def some_attention(patches: int = 16) -> Tensor:
    """Of patches that look at themselves too, so that a row keeps something."""
    looks = torch.randn(2, patches, patches, generator=torch.Generator().manual_seed(0))
    return (looks + 4 * torch.eye(patches)).softmax(dim=2)


def test_only_reliable_attention_within_groups_is_left() -> None:
    once = refine_attention(HALVES, two_groups, threshold=0.35, iterations=1, update="replace")
    torch.testing.assert_close(once[0], torch.eye(4))
    loose = refine_attention(HALVES, two_groups, threshold=0.15, iterations=1, update="replace")
    torch.testing.assert_close(loose[0, 0], torch.tensor([4 / 7, 3 / 7, 0, 0]))


def test_added_to_the_attention_it_lets_the_rest_fade() -> None:
    once = refine_attention(HALVES, two_groups, threshold=0.15, iterations=1, update="add")
    torch.testing.assert_close(once[0, 0], torch.tensor([0.8, 0.6, 0.2, 0.1]) / 1.7)
    twice = refine_attention(HALVES, two_groups, threshold=0.15, iterations=2, update="add")
    torch.testing.assert_close(twice[0, 0], torch.tensor([1.6, 1.2, 0.2, 0.1]) / 3.1)


def test_replaced_by_its_reliable_part_it_is_final_after_one_iteration_and_added_not() -> None:
    replaced = [refine_attention(HALVES, two_groups, iterations=n, update="replace") for n in (1, 3)]
    torch.testing.assert_close(*replaced)
    assert not torch.allclose(*[refine_attention(HALVES, two_groups, iterations=n, update="add") for n in (1, 3)])


def test_as_a_product_it_carries_attention_one_step_further() -> None:
    once = refine_attention(HALVES, two_groups, threshold=0.15, iterations=1, update="product")
    torch.testing.assert_close(once[0, 0], (0.4 * HALVES[0, 0] + 0.3 * HALVES[0, 1]) / 0.7)


@pytest.mark.parametrize("update", get_args(RelationUpdate))
def test_equals_the_formula_with_new_groups_in_each_iteration(update: RelationUpdate) -> None:
    refined = attention = some_attention().double()
    for _ in range(3):
        related = torch.nn.functional.one_hot(attention_clusters(refined, 4)).double()
        kept = refined * (refined >= 5e-4) * (related @ related.mT)
        kept = {"replace": kept, "add": refined + kept, "product": kept @ refined}[update]
        refined = kept / kept.sum(dim=2, keepdim=True)
    ours = refine_attention(attention, partial(attention_clusters, groups=4), update=update)
    torch.testing.assert_close(ours, refined, rtol=1e-9, atol=0)


def test_without_iterations_it_is_the_attention() -> None:
    assert torch.equal(refine_attention(HALVES, iterations=0), HALVES)


def test_rows_keep_summing_to_one() -> None:
    total = refine_attention(some_attention()).sum(dim=2)
    torch.testing.assert_close(total, torch.ones_like(total))


@pytest.mark.parametrize("update", get_args(RelationUpdate))
def test_even_rows_below_the_threshold_and_rows_of_zeros_stay_as_they_were(update: RelationUpdate) -> None:
    even = torch.full((1, 4, 4), 0.25)
    assert torch.equal(refine_attention(even, threshold=0.3, update=update), even)
    assert refine_attention(torch.zeros(1, 4, 4), update=update).eq(0).all()


def test_identity_attention_stays_as_it_is() -> None:
    assert torch.equal(refine_attention(torch.eye(20)[None])[0], torch.eye(20))


def test_one_patch_and_more_groups_than_patches_are_fine() -> None:
    assert refine_attention(torch.ones(1, 1, 1)).item() == 1
    assert refine_attention(HALVES, partial(attention_clusters, groups=9)).isfinite().all()


def test_patches_of_one_group_are_related() -> None:
    assert same_group(torch.tensor([[0, 1, 0]]))[0].tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]


def test_attention_above_the_mean_needs_no_groups() -> None:
    torch.testing.assert_close(attention_above_mean(HALVES)[0, 0], torch.tensor([4 / 7, 3 / 7, 0, 0]))
    assert attention_above_mean(torch.full((1, 4, 4), 0.25)).eq(0.25).all()


def test_a_negative_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match=r"from 0 up, got -0\.1 and 3"):
        refine_attention(HALVES, threshold=-0.1)
