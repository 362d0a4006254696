import pytest
import torch

from seglet.labels.cam.random_walk import affinity_transitions, walk_along_affinity

PAIR = torch.tensor([[[1.0, 0.5], [0.5, 1.0]]])
STEP = torch.tensor([[[1.0, 0.25], [0.25, 1.0]]]) / 1.35  # squared, over their sums and 0.1
MAPS = torch.tensor([[[[1.0, 0.0]]]])


def test_transitions_are_squared_affinities_over_their_sums() -> None:
    torch.testing.assert_close(affinity_transitions(PAIR, (1, 2)), STEP)
    torch.testing.assert_close(affinity_transitions(PAIR, (1, 2), power=1.0), PAIR / 1.6)


def test_patches_beyond_the_radius_are_left_out() -> None:
    transitions = affinity_transitions(torch.ones(1, 3, 3), (1, 3), radius=1)
    near = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    torch.testing.assert_close(transitions[0], near / torch.tensor([2.1, 3.1, 2.1]))


def test_a_walk_spreads_a_map_to_related_patches() -> None:
    torch.testing.assert_close(walk_along_affinity(MAPS, STEP), torch.tensor([[[[1.0, 0.25]]]]) / 1.35)


def test_two_steps_go_along_two_transitions() -> None:
    walked = walk_along_affinity(MAPS, STEP, steps=2)
    torch.testing.assert_close(walked, torch.tensor([[[[1.0625, 0.5]]]]) / 1.35**2)
    assert torch.equal(walk_along_affinity(MAPS, STEP, steps=0), MAPS)


def test_an_affinity_of_another_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an affinity of 2 x 2 patches"):
        affinity_transitions(PAIR, (2, 2))
