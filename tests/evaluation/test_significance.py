import math

import numpy as np
import pytest
import torch

from seglet.evaluation.significance import Bootstrap, sign_test

RIGHT, WRONG = torch.tensor([[9, 0], [0, 1]]), torch.tensor([[5, 4], [1, 0]])


def filled(order: range, seed: int = 0) -> Bootstrap:
    bootstrap = Bootstrap(2, replicas=400, seed=seed)
    for index in order:
        bootstrap.add(f"image {index}", RIGHT if index % 2 else WRONG)
    return bootstrap


def test_order_does_not_matter_and_the_seed_does() -> None:
    assert torch.equal(filled(range(6)).sums, filled(range(5, -1, -1)).sums)
    assert not torch.equal(filled(range(6)).sums, filled(range(6), seed=1).sums)


def test_two_halves_add_up_to_the_whole() -> None:
    assert torch.equal(filled(range(3)).sums + filled(range(3, 6)).sums, filled(range(6)).sums)


def test_each_image_occurs_once_on_average_with_variance_one() -> None:
    bootstrap = Bootstrap(1, replicas=4000)
    bootstrap.add("image", torch.tensor([[1]]))
    times = bootstrap.sums[:, 0, 0].double()
    assert times.mean() == pytest.approx(1, abs=0.06)
    assert times.var() == pytest.approx(1, abs=0.12)


def test_the_interval_holds_the_value_and_narrows_with_more_images() -> None:
    few, many = filled(range(4)).iou()[0], filled(range(200)).iou()[0]
    value = (9 + 5) / (9 + 5 + 4 + 1)
    assert few[0] < value < few[1]
    assert many[0] < value < many[1]
    assert np.ptp(many) < np.ptp(few) / 3


def test_equal_images_have_an_interval_of_no_width() -> None:
    bootstrap = Bootstrap(2, replicas=200)
    for index in range(20):
        bootstrap.add(str(index), RIGHT)
    assert bootstrap.iou().tolist() == [[1, 1], [1, 1]]
    assert bootstrap.mean_iou("all").tolist() == [1, 1]


def test_agrees_with_drawing_images_with_replacement() -> None:
    hits = np.linspace(200, 800, 100, dtype=int)
    bootstrap = Bootstrap(2, replicas=4000)
    for index, hit in enumerate(hits):
        bootstrap.add(str(index), torch.tensor([[hit, 1000 - hit], [0, 0]]))
    drawn = hits[np.random.default_rng(0).integers(100, size=(4000, 100))].mean(1) / 1000
    assert bootstrap.iou()[0] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.005)


def test_an_absent_class_has_no_interval() -> None:
    bootstrap = Bootstrap(3, replicas=50)
    bootstrap.add("image", torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 0]]))
    assert np.isnan(bootstrap.iou()[2]).all()


def test_without_replicas_there_are_no_intervals() -> None:
    bootstrap = Bootstrap(2, replicas=0)
    bootstrap.add("image", RIGHT)
    assert np.isnan(bootstrap.iou()).all()
    assert np.isnan(bootstrap.mean_iou()).all()


def test_the_sign_test_is_binomial():
    test = sign_test([0.0] * 8 + [0.5, math.nan], [1.0] * 7 + [-1.0, 0.5, 1.0])
    assert (test.better, test.worse, test.equal) == (7, 1, 1)
    assert test.p == 2 * (1 + 8) / 2**8


def test_without_a_difference_chance_explains_everything():
    assert sign_test([1.0], [1.0]).p == 1
