import numpy as np
import pytest
import torch
from tests.models.authors import copy_weights
from tests.models.tiny import images, tiny

from seglet.models.heads.base import classify_with_dropped_weights
from seglet.models.heads.cam import CAMHead, mean_scores

Case = dict[str, np.ndarray]


@pytest.mark.golden("weak", "cam_bg_score")
def test_activations_are_the_authors(case: Case) -> None:
    features, weight = torch.from_numpy(case["features"]).double(), torch.from_numpy(case["fc8_weight"])
    head = CAMHead(features.shape[1], len(weight) + 1).double().eval()
    copy_weights(head, {"tail.classifier.foreground.weight": weight})
    logits, _ = head.tail(features)
    np.testing.assert_allclose(logits[:, 1:].detach(), case["logits"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["cam-resnet18", "cam-wideresnet38", "cam-mit_b0"])
def test_it_segments_and_scores_with_any_backbone(name: str) -> None:
    network = tiny(name).network.eval()
    logits = network(images()).logits
    assert logits[:, 0].eq(0).all()
    torch.testing.assert_close(mean_scores(logits), logits[:, 1:].flatten(2).mean(2))


def test_whole_channels_are_dropped_before_the_classifier() -> None:
    """Where dropout leaves nothing but one channel, all activations are that channel's."""
    head = CAMHead(2, 3, dropout=0.5).train()
    head.tail.dropout.generator = torch.Generator().manual_seed(0)
    features = torch.rand(1, 2, 4, 4)
    drawn, _ = head.tail(features)
    head.tail.dropout.generator.manual_seed(0)
    expected = classify_with_dropped_weights(
        head.tail.classifier.foreground, features, head.tail.dropout.mask(features)
    )
    torch.testing.assert_close(drawn[:, 1:], expected)
