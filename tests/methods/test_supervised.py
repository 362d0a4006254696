import pytest
import torch
from tests.methods.toys import CLASSES, SMALL, labelled

from seglet.methods.supervised import Config, Method
from seglet.types import Progress


def supervised(**changes: object) -> Method:
    return Method.build(Config(**{**SMALL, **changes}), CLASSES, seed=0).train()


def test_total_is_task_plus_four_tenths_of_the_auxiliary_loss() -> None:
    losses = supervised().losses(labelled(), Progress(0, 1))
    torch.testing.assert_close(losses.total, losses.terms["task"] + 0.4 * losses.terms["auxiliary"])


def test_auxiliary_weight_zero_builds_no_auxiliary_head() -> None:
    method = supervised(auxiliary_weight=0.0)
    assert method.student.network.auxiliary is None
    assert set(method.losses(labelled(), Progress(0, 1)).terms) == {"task"}


def test_one_step_lowers_the_loss() -> None:
    method = supervised(dropout=0.0)
    optimiser = torch.optim.SGD(method.parameters(), lr=0.05)
    before = method.losses(labelled(), Progress(0, 1)).total
    before.backward()
    optimiser.step()
    assert method.losses(labelled(), Progress(0, 1)).total < before


def test_dropout_depends_on_the_seed_of_the_step_alone() -> None:
    method, batch = supervised(), labelled()
    first = method.losses(batch, Progress(0, 9, seed=5)).total
    torch.rand(3)  # someone else draws
    assert method.losses(batch, Progress(4, 9, seed=5)).total == first
    assert method.losses(batch, Progress(0, 9, seed=6)).total != first


def test_starts_from_saved_weights_whose_classes_differ(tmp_path) -> None:  # type: ignore[no-untyped-def]
    first = supervised()
    first.student.save(tmp_path / "start")
    second = supervised(student_weights=str(tmp_path / "start"))
    for name, tensor in second.student.network.state_dict().items():
        assert torch.equal(tensor, first.student.network.state_dict()[name]), name


def test_saved_weights_with_another_head_give_the_backbone_alone(tmp_path) -> None:  # type: ignore[no-untyped-def]
    first, chance = supervised(), supervised(student="deeplabv3-resnet18").student.network.state_dict()
    first.student.save(tmp_path / "start")
    second = supervised(student="deeplabv3-resnet18", student_weights=str(tmp_path / "start"))
    for name, tensor in second.student.network.state_dict().items():
        known = first.student.network.state_dict() if name.startswith("backbone.") else chance
        assert torch.equal(tensor, known[name]), name


def test_saved_weights_of_another_backbone_are_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    supervised().student.save(tmp_path / "start")
    with pytest.raises(ValueError, match=r"holds pspnet-resnet18 .* student is deeplabv3-resnet34"):
        supervised(student="deeplabv3-resnet34", student_weights=str(tmp_path / "start"))
