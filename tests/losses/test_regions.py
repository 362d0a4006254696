import pytest
import torch

from seglet.losses.regions import dice_loss, lovasz_softmax, tversky_loss
from seglet.types import IGNORE, Target

EVEN = torch.zeros(1, 2, 1, 2, dtype=torch.float64)


def target(*labels: int) -> Target:
    return Target(torch.tensor([[labels]]), torch.ones(1, 1, len(labels), dtype=torch.float64))


def predicted(*labels: int) -> torch.Tensor:
    """Returns logits that are sure of these labels."""
    return 100.0 * torch.nn.functional.one_hot(torch.tensor([[labels]]), 2).double().movedim(3, 1)


def test_dice_of_an_even_chance_by_hand() -> None:
    """Each class has 2 Σpg = 1 and Σp + Σg = 2."""
    assert dice_loss(EVEN, target(0, 1), smooth=0).item() == pytest.approx(1 / 2)
    assert dice_loss(EVEN, target(0, 1), smooth=1).item() == pytest.approx(1 / 3)


def test_tversky_weighs_what_is_missed() -> None:
    """Of two pixels of one class, half of each is missed: T = 1 / (1 + 0.7)."""
    assert tversky_loss(EVEN, target(0, 0), smooth=0).item() == pytest.approx(1 - 1 / 1.7)
    assert tversky_loss(EVEN, target(0, 0), gamma=2, smooth=0).item() == pytest.approx((1 - 1 / 1.7) ** 2)


def test_lovasz_of_sure_predictions_is_one_less_the_mean_iou() -> None:
    """IoU is 1/2 and 2/3."""
    assert lovasz_softmax(predicted(0, 1, 1, 1), target(0, 0, 1, 1)).item() == pytest.approx(1 - 7 / 12)


def test_lovasz_of_one_class_by_hand() -> None:
    """Errors of 0.5 at a pixel of the class and at another: the first costs the whole IoU, the second nothing."""
    assert lovasz_softmax(EVEN, target(0, 1)).item() == pytest.approx(0.5)


@pytest.mark.parametrize("loss", [dice_loss, tversky_loss, lovasz_softmax])
def test_void_pixels_change_nothing_in_regions(loss) -> None:
    logits = torch.randn(1, 2, 1, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(loss(logits, target(0, 1, 0, IGNORE)), loss(logits[..., :3], target(0, 1, 0)))


@pytest.mark.parametrize("loss", [dice_loss, tversky_loss, lovasz_softmax])
def test_a_right_prediction_costs_nothing(loss) -> None:
    assert loss(predicted(0, 1, 1), target(0, 1, 1)).item() == pytest.approx(0, abs=1e-9)
