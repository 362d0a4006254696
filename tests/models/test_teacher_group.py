"""Several teachers as one, by hand. Each fixed teacher gives one pixel, or more of equal shares."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from seglet.models.distillation.feature_taps import TapShape
from seglet.models.distillation.teacher_group import TeacherGroup

IMAGES = torch.zeros(1, 3, 4, 4)


class FixedTeacher(nn.Module):
    """A teacher of these shares at every pixel."""

    def __init__(self, *shares: float, side: int = 1) -> None:
        super().__init__()
        self.logits = torch.tensor(shares).log()[None, :, None, None].expand(1, -1, side, side)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits

    def predict(self, images: Tensor) -> Tensor:
        return self.logits[..., :1, :1].expand(1, -1, *images.shape[-2:])

    def measure(self, places: Sequence[str]) -> dict[str, TapShape]:
        return dict.fromkeys(places, TapShape(self.logits.shape[1], 4 / self.logits.shape[2]))

    def notes(self) -> list[str]:
        return [f"a teacher of {self.logits.shape[2]} rows"]


def group(rule: str = "mean") -> TeacherGroup:
    return TeacherGroup([FixedTeacher(0.8, 0.1, 0.1), FixedTeacher(0.2, 0.5, 0.3, side=2)], 3, rule)  # type: ignore[arg-type]


def shares(found: Tensor) -> list[float]:
    pixels = found.exp().flatten(2)
    assert torch.allclose(pixels, pixels[..., :1])
    return [round(share, 4) for share in pixels[0, :, 0].tolist()]


def test_probabilities_are_averaged_at_the_size_of_the_finest_teacher() -> None:
    assert group()(IMAGES).shape == (1, 3, 2, 2)
    assert group().shape() == TapShape(3, 2)
    assert shares(group()(IMAGES)) == [0.5, 0.3, 0.2]
    assert group().predict(IMAGES).shape == (1, 3, 4, 4)
    assert shares(group().predict(IMAGES)) == [0.5, 0.3, 0.2]


def test_each_class_has_the_probability_of_its_best_teacher() -> None:
    joined = group("class")
    joined.learn_scores(0, [0.9, 0.4, 0.7])
    joined.learn_scores(1, [0.8, 0.6, 0.2])
    assert joined.best() == [0, 1, 0]
    assert shares(joined(IMAGES)) == [round(share / 1.4, 4) for share in (0.8, 0.5, 0.1)]


def test_without_scores_a_class_has_the_mean() -> None:
    joined = group("class")
    assert shares(joined(IMAGES)) == [0.5, 0.3, 0.2]
    joined.learn_scores(0, [0.9, torch.nan, torch.nan])
    joined.learn_scores(1, [0.8, torch.nan, 0.1])
    assert joined.best() == [0, None, 1]
    assert shares(joined(IMAGES)) == [round(share / 1.4, 4) for share in (0.8, 0.3, 0.3)]


def test_only_the_scores_are_part_of_a_checkpoint_and_are_read_again() -> None:
    assert list(group().state_dict()) == []
    first, second = group("class"), group("class")
    first.learn_scores(1, [0.1, 0.2, 0.3])
    second.load_state_dict(first.state_dict())
    assert second.best() == [1, 1, 1]


def test_equal_teachers_are_as_good_as_one() -> None:
    twice = TeacherGroup([FixedTeacher(0.7, 0.3)] * 2, 2)
    assert twice(IMAGES).exp().flatten().tolist() == pytest.approx([0.7, 0.3])
