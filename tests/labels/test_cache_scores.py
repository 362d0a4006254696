import torch

from seglet.labels.cam.text_cam import enhance_cam, static_scores

RETRIEVED = torch.tensor([[[0.0, 4.0], [1.0, 8.0], [2.0, 6.0]]])
"""Background and one class at three patches."""


def test_a_class_counts_less_where_the_cache_finds_background() -> None:
    assert static_scores(RETRIEVED)[0, 0].tolist() == [0, 0.5, 0]  # (0, 1, 1/2) times (1, 1/2, 0)


def test_the_positive_cache_alone_is_scaled() -> None:
    assert static_scores(RETRIEVED, negative=False)[0, 0].tolist() == [0, 1, 0.5]


def test_a_class_or_background_without_keys_is_zero() -> None:
    assert static_scores(torch.zeros(1, 3, 4)).eq(0).all()


def test_scores_are_added_with_their_weight() -> None:
    assert enhance_cam(torch.tensor([[[0.25, 0.5]]]), torch.tensor([[[1.0, 0.0]]])).tolist() == [[[0.75, 0.5]]]
