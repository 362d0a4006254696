import torch

from seglet.labels.semi.alignment import DistributionAlignment


def test_probabilities_are_multiplied_by_labelled_over_predicted() -> None:
    alignment = DistributionAlignment(2, momentum=0.0)
    logits = torch.tensor([0.8, 0.2]).log().view(1, 2, 1, 1).expand(1, 2, 1, 2)
    alignment.update(logits, torch.ones(1, 1, 2, dtype=torch.bool), torch.tensor([[[0, 1, 255, 255]]]))
    found = alignment.align(logits).softmax(dim=1)[0, :, 0, 0]
    torch.testing.assert_close(found, torch.tensor([0.5, 0.5]))  # .8 · .5/.8 and .2 · .5/.2


def test_no_factor_is_above_four_and_equal_shares_change_nothing() -> None:
    alignment, logits = DistributionAlignment(2), torch.zeros(1, 2, 1, 1)
    assert torch.equal(alignment.align(logits), logits)
    alignment.predicted.copy_(torch.tensor([0.99, 0.01]))
    torch.testing.assert_close(alignment.align(logits)[0, 1, 0, 0].exp(), torch.tensor(4.0))


def test_padding_and_void_change_nothing() -> None:
    alignment = DistributionAlignment(2, momentum=0.0)
    alignment.update(torch.rand(1, 2, 1, 1), torch.zeros(1, 1, 1, dtype=torch.bool), torch.full((1, 1, 1), 255))
    assert alignment.predicted.tolist() == alignment.labelled.tolist() == [0.5, 0.5]
