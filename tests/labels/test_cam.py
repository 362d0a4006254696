import numpy as np
import pytest
import torch
import torch.nn.functional as F

from seglet.labels.cam.activation import cam_masks

Case = dict[str, np.ndarray]


@pytest.mark.golden("weak", "cam_bg_score")
def test_masks_are_the_authors(case: Case) -> None:
    features, weight = (torch.from_numpy(case[name]).double() for name in ("features", "fc8_weight"))
    activations, size = F.conv2d(features, weight), tuple(case["size"].tolist())
    np.testing.assert_allclose(activations, case["logits"], rtol=1e-4, atol=1e-5)
    masks = cam_masks(activations, size, float(case["bg_score"]))
    np.testing.assert_allclose(masks, case["masks"], rtol=1e-4, atol=1e-5)


def test_each_class_reaches_its_own_maximum_and_the_background_is_constant() -> None:
    masks = cam_masks(torch.tensor([[-1.0, 5.0], [100.0, 50.0]]).view(1, 2, 1, 2), (1, 2))
    torch.testing.assert_close(masks[0, :, 0], torch.tensor([[0.1, 0.1], [0.0, 1.0], [1.0, 0.5]]), rtol=1e-4, atol=0)


def test_a_class_seen_nowhere_has_no_mask() -> None:
    assert cam_masks(torch.full((1, 2, 3, 3), -2.0), (6, 6))[:, 1:].eq(0).all()
