import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from seglet.evaluation.confusion import _CHUNK, confusion_matrix
from seglet.types import IGNORE


def test_rows_are_truth_and_columns_prediction() -> None:
    matrix = confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2)
    assert matrix.tolist() == [[1, 1], [0, 1]]


def test_void_pixels_are_not_counted_whatever_their_prediction() -> None:
    labels = torch.tensor([1, IGNORE, IGNORE], dtype=torch.uint8)
    assert confusion_matrix(torch.tensor([1, 0, IGNORE], dtype=torch.uint8), labels, 2).tolist() == [[0, 0], [0, 1]]
    assert confusion_matrix(torch.tensor([1, -7, 999]), labels, 2).sum() == 1


@pytest.mark.parametrize("num_classes", [1, 2, 19, 63, 64, 150, 255])
@pytest.mark.parametrize("size", [1, 7, 5000, _CHUNK + 3])
def test_equals_scikit_learn_at_every_size_and_number_of_classes(num_classes: int, size: int) -> None:
    rng = np.random.default_rng(size + num_classes)
    pred, labels = rng.integers(num_classes, size=(2, size))
    wanted = metrics.confusion_matrix(labels, pred, labels=range(num_classes)) if num_classes > 1 else [[size]]
    assert np.array_equal(confusion_matrix(pred, labels, num_classes), wanted)


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "int32", "int64"])
def test_every_integer_type_gives_the_same(kind: str) -> None:
    pred, labels = np.array([[0, 1], [2, 2]], kind), np.array([[0, 2], [2, IGNORE]], kind)
    wanted = [[1, 0, 0], [0, 0, 0], [0, 1, 1]]
    assert confusion_matrix(pred, labels, 3).tolist() == wanted
    assert confusion_matrix(torch.from_numpy(pred), torch.from_numpy(labels), 3).tolist() == wanted


def test_equals_torchmetrics_with_void_pixels() -> None:
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    generator = torch.Generator().manual_seed(0)
    pred, labels = torch.randint(0, 5, (2, 3, 40, 41), generator=generator)
    labels[:, :9] = IGNORE
    wanted = multiclass_confusion_matrix(pred, labels, 5, ignore_index=IGNORE)
    assert torch.equal(confusion_matrix(pred, labels, 5), wanted)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 2, 3, IGNORE])), max_size=40), st.integers(0, 40))
def test_parts_add_up_to_the_whole(pixels: list[tuple[int, int]], cut: int) -> None:
    table = torch.tensor(pixels, dtype=torch.uint8).reshape(-1, 2)
    parts = [confusion_matrix(part[:, 0], part[:, 1], 4) for part in (table[:cut], table[cut:], table)]
    assert torch.equal(parts[0] + parts[1], parts[2])
    assert parts[2].sum() == (table[:, 1] != IGNORE).sum()


@pytest.mark.parametrize("kind", [torch.uint8, torch.int64])
def test_a_label_that_is_no_class_is_named(kind: torch.dtype) -> None:
    with pytest.raises(ValueError, match=r"labels hold 3 \(2 pixels\), neither a class \(0 to 2\) nor 255"):
        confusion_matrix(torch.tensor([0, 0, 0], dtype=kind), torch.tensor([3, 3, 1], dtype=kind), 3)


@pytest.mark.parametrize("value", [-1, 256, 70000])
def test_labels_that_would_wrap_around_are_named(value: int) -> None:
    with pytest.raises(ValueError, match=f"labels hold {value} "):
        confusion_matrix(torch.tensor([0]), torch.tensor([value]), 3)


@pytest.mark.parametrize("value", [3, 255, 256])
def test_a_prediction_that_is_no_class_is_named(value: int) -> None:
    with pytest.raises(ValueError, match=f"predictions hold {value} .* classes go from 0 to 2"):
        confusion_matrix(torch.tensor([0, value]), torch.tensor([0, 1]), 3)


@pytest.mark.usefixtures("unchecked")
def test_shapes_and_types_must_fit() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        confusion_matrix(torch.zeros(2, dtype=torch.uint8), torch.zeros(3, dtype=torch.uint8), 3)
    with pytest.raises(ValueError, match="take argmax"):
        confusion_matrix(torch.zeros(2), torch.zeros(2), 3)


def test_read_only_and_strided_arrays_are_accepted() -> None:
    labels = np.zeros((4, 4), np.uint8)[::2, ::2]
    labels.flags.writeable = False
    assert confusion_matrix(labels.T, labels, 2)[0, 0] == 4


def test_no_pixels_make_an_empty_matrix() -> None:
    assert confusion_matrix(torch.empty(0, dtype=torch.uint8), torch.empty(0, dtype=torch.uint8), 3).sum() == 0
