import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.golden_near import assert_near
from tests.models.authors import copy_weights
from tests.models.tiny import images, tiny

from seglet.models.heads.base import classify_with_dropped_weights
from seglet.models.heads.cam import CAMHead, cam_masks, mean_scores

Case = dict[str, np.ndarray]


@pytest.mark.golden("weak", "cam_bg_score")
def test_activations_are_the_authors(case: Case) -> None:
    features, weight = torch.from_numpy(case["features"]).double(), torch.from_numpy(case["fc8_weight"])
    head = CAMHead(features.shape[1], len(weight) + 1).double().eval()
    copy_weights(head, {"tail.classifier.foreground.weight": weight})
    logits, _ = head.tail(features)
    assert_near(logits[:, 1:], case["logits"], 1e-5)


@pytest.mark.parametrize("name", ["cam-resnet18", "cam-wideresnet38", "cam-mit_b0"])
def test_it_segments_and_scores_with_any_backbone(name: str) -> None:
    network = tiny(name).network.eval()
    logits = network(images()).logits
    assert logits[:, 0].eq(0).all()
    torch.testing.assert_close(mean_scores(logits), logits[:, 1:].flatten(2).mean(2))


def test_whole_channels_are_dropped_before_the_classifier() -> None:
    """If dropout leaves only one channel, all activations are that channel's."""
    head = CAMHead(2, 3, dropout=0.5).train()
    head.tail.dropout.generator = torch.Generator().manual_seed(0)
    features = torch.rand(1, 2, 4, 4)
    drawn, _ = head.tail(features)
    head.tail.dropout.generator.manual_seed(0)
    expected = classify_with_dropped_weights(
        head.tail.classifier.foreground, features, head.tail.dropout.mask(features)
    )
    torch.testing.assert_close(drawn[:, 1:], expected)


@pytest.mark.golden("weak", "cam_bg_score")
def test_masks_are_the_authors(case: Case) -> None:
    features, weight = (torch.from_numpy(case[name]).double() for name in ("features", "fc8_weight"))
    activations, size = F.conv2d(features, weight), tuple(case["size"].tolist())
    assert_near(activations, case["logits"], 1e-5)
    masks = cam_masks(activations, size, float(case["bg_score"]))
    assert_near(masks, case["masks"], 1e-5)


def test_each_class_reaches_its_own_maximum_and_the_background_is_constant() -> None:
    masks = cam_masks(torch.tensor([[-1.0, 5.0], [100.0, 50.0]]).view(1, 2, 1, 2), (1, 2))
    torch.testing.assert_close(masks[0, :, 0], torch.tensor([[0.1, 0.1], [0.0, 1.0], [1.0, 0.5]]), rtol=1e-4, atol=0)


def test_a_class_without_activation_has_no_mask() -> None:
    assert cam_masks(torch.full((1, 2, 3, 3), -2.0), (6, 6))[:, 1:].eq(0).all()
