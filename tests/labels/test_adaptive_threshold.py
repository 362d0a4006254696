import torch

from seglet.labels.semi.adaptive_threshold import AdaptiveThreshold, MaximaThreshold, following_threshold
from seglet.labels.semi.pseudo_label import PseudoLabelMap


def test_thresholds_begin_at_chance_and_follow_confidence_and_frequency() -> None:
    limits = AdaptiveThreshold(2, momentum=0.5)
    torch.testing.assert_close(limits.thresholds(), torch.tensor([0.5, 0.5]))
    seen = torch.tensor([[[[0.9, 0.7, 0.1]], [[0.1, 0.3, 0.9]]]])
    limits.update(seen, torch.tensor([[[True, True, False]]]))
    # τ: half of .5 and half of .8; classes: half of .5 and half of .8 or .2
    torch.testing.assert_close(limits.thresholds(), torch.tensor([0.65, 0.65 * 0.35 / 0.65]))


def test_padding_alone_changes_nothing() -> None:
    limits = AdaptiveThreshold(3)
    limits.update(torch.rand(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.bool))
    torch.testing.assert_close(limits.thresholds(), torch.full((3,), 1 / 3))


def test_each_pseudo_label_has_the_threshold_of_its_class() -> None:
    labels = torch.tensor([[[0, 1, 1]]])
    seen = PseudoLabelMap(labels, torch.tensor([[[0.8, 0.8, 0.5]]]), torch.ones_like(labels, dtype=torch.bool))
    limits = torch.tensor([0.9, 0.6])
    assert seen.target(limits).weight.tolist() == [[[0, 1, 0]]]
    torch.testing.assert_close(seen.share_above(limits), torch.tensor(1 / 3))
    torch.testing.assert_close(seen.passed_by_class(limits), torch.tensor([0.0, 0.5]))


def test_one_threshold_follows_the_surest_pixel_of_each_predicted_class() -> None:
    limits = MaximaThreshold(3, momentum=0.5)
    seen = torch.tensor([[[[0.9, 0.7, 0.3]], [[0.1, 0.2, 0.6]], [[0.0, 0.1, 0.1]]]])
    limits.update(seen, torch.ones(1, 1, 3, dtype=torch.bool))
    torch.testing.assert_close(limits.thresholds(), torch.full((3,), 0.5 * 0.85 + 0.5 * (0.9 + 0.6) / 2))
    limits.update(seen, torch.zeros(1, 1, 3, dtype=torch.bool))
    torch.testing.assert_close(limits.level, torch.tensor(0.8))


def test_a_fixed_threshold_follows_nothing() -> None:
    assert following_threshold("none", 3, 0.9) is None
    assert isinstance(following_threshold("classes", 3, 0.9), AdaptiveThreshold)
    assert isinstance(following_threshold("maxima", 3, 0.9), MaximaThreshold)
