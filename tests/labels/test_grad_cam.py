import torch

from seglet.labels.cam.grad_cam import channel_weights, confidence_of, tagged_softmax, weighted_activations

LOGITS = torch.tensor([[2.0, 3.0, 5.0]]).log()  # two classes and a text for the background
BOTH, FIRST = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 0.0]])
DIRECTIONS = torch.tensor([[9.0, 0.0], [0.0, 9.0]])


def scores_of(activations: torch.Tensor, tags: torch.Tensor) -> torch.Tensor:
    """Scores of classes whose logits are sums of the activations along one channel each; the background's is 0."""
    logits = (activations @ DIRECTIONS.T).sum(dim=1)
    return tagged_softmax(torch.cat([logits, torch.zeros(len(logits), 1)], dim=1), tags)


def test_tagged_classes_share_one_softmax_with_the_background() -> None:
    torch.testing.assert_close(tagged_softmax(LOGITS, BOTH), torch.tensor([[0.2, 0.3]]))


def test_a_class_without_a_tag_is_nobodys_rival() -> None:
    torch.testing.assert_close(tagged_softmax(LOGITS, FIRST), torch.tensor([[2 / 7, 0.0]]))


def test_weights_are_those_of_the_class_less_those_of_its_rivals() -> None:
    activations = torch.zeros(1, 2, 2, requires_grad=True)  # so that all three scores are 1/3
    weights = channel_weights(scores_of(activations, BOTH), activations, BOTH)
    torch.testing.assert_close(weights, torch.tensor([[[2.0, -1.0], [-1.0, 2.0]]]))  # 9 s (1 - s) and -9 s s


def test_weights_of_a_class_without_a_tag_are_zero_also_beside_an_image_that_has_it() -> None:
    activations, tags = torch.zeros(2, 2, 2, requires_grad=True), torch.cat([BOTH, FIRST])
    weights = channel_weights(scores_of(activations, tags), activations, tags)
    torch.testing.assert_close(weights[1], torch.tensor([[9 / 4, 0.0], [0.0, 0.0]]))  # of two scores of 1/2


def test_leading_tokens_are_left_out_of_the_mean() -> None:
    activations = torch.zeros(1, 3, 1, requires_grad=True)
    scores = (activations * torch.tensor([8.0, 1.0, 3.0])[:, None]).sum(dim=1)
    assert channel_weights(scores, activations, torch.ones(1, 1), leading=1).tolist() == [[[2.0]]]


def test_maps_are_weighted_sums_of_channels_cut_at_zero() -> None:
    activations = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]]])
    maps = weighted_activations(activations, torch.tensor([[[2.0, -1.0], [-1.0, 2.0]]]))
    assert maps.tolist() == [[[2.0, 0.0, 2.0], [0.0, 2.0, 5.0]]]


def test_confidence_is_the_share_of_the_strongest_map() -> None:
    maps = torch.tensor([[[[3.0, 0.0]], [[1.0, 0.0]]]])
    assert confidence_of(maps).tolist() == [[[0.75, 0.0]]]
