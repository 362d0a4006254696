"""`seglet enhance`."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.data.disk import save, text

from seglet.cli import enhance
from seglet.data.enhance.by_name import ENHANCERS
from seglet.images import read_image
from seglet.inference import zero_dce_training
from seglet.inference.brighten import ZeroDCEEnhancer
from seglet.inference.inputs import gather_images
from seglet.inference.zero_dce_training import ZeroDCETraining, crop_batches, train_zero_dce
from seglet.models.zero_dce import load_zero_dce


@pytest.fixture
def dark(tmp_path: Path) -> Path:
    """Three dark images, one in a folder below."""
    for number, name in enumerate(("a", "b", "sub/c")):
        noise = np.random.default_rng(number).integers(0, 40, (20, 24, 3), dtype=np.uint8)
        save(tmp_path / "dark" / f"{name}.png", noise)
    return tmp_path / "dark"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training on one small crop a step."""
    monkeypatch.setattr(zero_dce_training, "ZeroDCETraining", partial(ZeroDCETraining, batch=1, crop=16))


def words(dark: Path, *more: object) -> tuple[object, ...]:
    return ("enhance", dark, "--out", dark.parent / "bright", "--jobs", 1, *more)


@pytest.mark.parametrize("method", ENHANCERS)
def test_images_become_what_the_rule_makes_of_them(method, dark, seglet):
    done = seglet(*words(dark, "--method", method))
    assert done.code == 0, done.err
    expected = ENHANCERS[method](read_image(dark / "sub/c.png"))
    np.testing.assert_array_equal(read_image(dark.parent / "bright/sub/c.png"), expected)


def test_every_rule_is_a_method():
    assert sorted([*ENHANCERS, "zero-dce"]) == sorted(enhance._METHODS)


def test_a_network_is_trained_on_dark_images_kept_and_used(dark, seglet, small):
    done = seglet(*words(dark, "--method", "zero-dce", "--train-on", dark, "--steps", 2, "--device", "cpu"))
    assert done.code == 0, done.err
    network = ZeroDCEEnhancer(load_zero_dce(dark.parent / "bright/zero-dce"))
    np.testing.assert_array_equal(read_image(dark.parent / "bright/a.png"), network(read_image(dark / "a.png")))
    again = ("enhance", dark, "--out", dark.parent / "again", "--method", "zero-dce", "--jobs", 1)
    assert seglet(*again, "--model", dark.parent / "bright/zero-dce").code == 0
    assert (dark.parent / "again/a.png").read_bytes() == (dark.parent / "bright/a.png").read_bytes()


def test_a_network_may_learn_from_a_data_set_and_brighten_nothing(dark, seglet, small):
    only = ("enhance", "--method", "zero-dce", "--train-data", "world:scenes=2,size=16,dark=1", "--steps", 1)
    done = seglet(*only, "--out", dark.parent / "kept", "--device", "cpu")
    assert done.code == 0, done.err
    assert load_zero_dce(dark.parent / "kept/zero-dce")
    assert "nothing to brighten" in seglet("enhance", "--out", dark.parent / "none").err


def test_a_trained_network_is_not_trained_again(dark, seglet, monkeypatch, small):
    command = words(dark, "--method", "zero-dce", "--train-on", dark, "--steps", 1, "--device", "cpu")
    assert seglet(*command).code == 0
    (dark.parent / "bright/a.png").unlink()
    monkeypatch.setattr(zero_dce_training, "train_zero_dce", None)
    assert "enhanced: 1, finished before: 2" in seglet(*command).out


def test_training_makes_dark_images_brighter_and_is_a_function_of_its_seed(dark):
    sources = gather_images([dark], dark.parent / "out")
    training = ZeroDCETraining(steps=6, batch=2, crop=16, rate=0.01)
    first, same = (train_zero_dce(sources, training, torch.device("cpu")) for _ in range(2))
    images = torch.full((1, 3, 16, 16), 0.1)
    assert first(images).mean() > 0.12
    torch.testing.assert_close(first(images), same(images), rtol=0, atol=0)


def test_images_smaller_than_a_crop_repeat_their_edges(dark):
    (batch,) = crop_batches(gather_images([dark], dark.parent / "out"), ZeroDCETraining(steps=1, batch=2, crop=32))
    assert batch.shape == (2, 3, 32, 32)
    assert batch.max() < 0.2


def test_what_is_finished_is_not_done_again(dark, seglet):
    assert seglet(*words(dark)).code == 0
    (dark.parent / "bright/b.png").unlink()
    assert "enhanced: 1, finished before: 2, failed: 0" in seglet(*words(dark)).out


def test_processes_do_the_same(dark, seglet):
    assert seglet(*words(dark)).code == 0
    alone = (dark.parent / "bright/a.png").read_bytes()
    assert "enhanced: 3" in seglet(*words(dark, "--jobs", 2, "--overwrite")).out
    assert (dark.parent / "bright/a.png").read_bytes() == alone


def test_an_image_that_cannot_be_read_is_reported_and_passed_over(dark, seglet):
    text(dark / "broken.png", "no image")
    done = seglet(*words(dark, "--json"))
    assert done.code == 2
    assert [failure["file"] for failure in json.loads(done.out)["failed"]] == ["broken"]
    assert (dark.parent / "bright/a.png").is_file()


def test_results_of_another_method_are_not_mixed(dark, seglet):
    assert seglet(*words(dark)).code == 0
    assert "method was 'clahe', is 'gamma'" in seglet(*words(dark, "--method", "gamma")).err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--steps", 3], "--steps is for --method zero-dce"),
        (["--method", "zero-dce"], "needs dark images to learn from"),
        (["--method", "zero-dce", "--model", "x", "--train-on", "y"], "needs dark images to learn from"),
        (["--method", "zero-dce", "--model", "x", "--steps", 3], "--steps are for training"),
        (["--method", "zero-dce", "--model", "nowhere"], "has no config.json"),
        (["--method", "dream"], "invalid choice"),
    ],
)
def test_options_that_make_no_sense_are_refused(more, message, dark, seglet):
    done = seglet(*words(dark, *more))
    assert done.code == 2
    assert message in done.err
