import pytest
import torch

from seglet.labels.semi.collapse import class_shares, detect_collapse, effective_classes, named_shares

NAMES = ("sky", "road", "car")


def terms(guessed: tuple[float, ...], known: tuple[float, ...] = (0.5, 0.4, 0.1), **more: float) -> dict[str, float]:
    pairs = {"share": guessed, "labelled-share": known}
    named = {f"{title}/{name}": s for title, found in pairs.items() for name, s in zip(NAMES, found, strict=True)}
    return {**named, "confident": 0.5, **more}


def test_shares_count_valid_pixels_only() -> None:
    labels = torch.tensor([[[0, 0, 1, 255]]])
    found = class_shares(labels, labels < 3, 3)
    torch.testing.assert_close(found, torch.tensor([2 / 3, 1 / 3, 0]))
    assert class_shares(labels, torch.zeros_like(labels, dtype=torch.bool), 3).tolist() == [0, 0, 0]
    assert list(named_shares("share", found, NAMES)) == ["share/sky", "share/road", "share/car"]


def test_effective_classes_count_equally_frequent_ones() -> None:
    assert effective_classes({"a": 0.25, "b": 0.25, "c": 0.0}) == pytest.approx(2)
    assert effective_classes({}) == 0


def test_a_healthy_run_gives_no_warning() -> None:
    assert detect_collapse(terms((0.55, 0.4, 0.05)), NAMES) == {}


def test_one_class_for_everything_is_a_collapse_and_is_named() -> None:
    found = detect_collapse(terms((0.99, 0.01, 0.0)), NAMES)
    assert "99.0 % of unlabelled pixels are predicted as 'sky', of labelled ones 50.0 %" in found["collapse"]
    assert "road, car" in found["vanished"]


def test_a_vanished_class_is_named_although_the_others_are_predicted() -> None:
    found = detect_collapse(terms((0.6, 0.4, 0.001)), NAMES)
    assert list(found) == ["vanished"]
    assert "predicted as car" in found["vanished"]


def test_a_rarely_labelled_class_gives_no_warning() -> None:
    assert detect_collapse(terms((0.6, 0.4, 0.0), (0.6, 0.399, 0.001)), NAMES) == {}


def test_a_threshold_that_nothing_or_everything_reaches_gives_a_warning() -> None:
    assert list(detect_collapse(terms((0.5, 0.4, 0.1), confident=0.001), NAMES)) == ["unsure"]
    assert list(detect_collapse(terms((0.5, 0.4, 0.1), confident=1.0, labelled=2.0), NAMES)) == ["overconfident"]
