"""`seglet data view`."""

import numpy as np
import pytest
from PIL import Image
from tests.data.disk import text, write_image

from seglet.cli.data.view import view_rows
from seglet.data.loading.step_sampler import StepSampler
from seglet.data.opening import open_dataset
from seglet.data.world.dataset import World
from seglet.engine.settings import Settings
from seglet.engine.training_loader import view_augmentation


def test_a_sheet_is_drawn(images, seglet, tmp_path):
    done = seglet("data", "view", images, "--out", tmp_path / "sheet.png", "--count", "3", "--crop", "16", "16")
    assert done.code == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height > 3 * 160


def test_the_same_views_are_drawn_again(seglet, tmp_path):
    for name in ("a.png", "b.png"):
        assert seglet("data", "view", "world", "--out", tmp_path / name, "--count", 2, "--seed", 3).code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_views_are_those_of_training():
    from seglet.data.loading.loaders import labelled_loader

    settings, data = Settings(crop=(16, 16), seed=5), World(scenes=9, size=32)
    batch = next(iter(labelled_loader(data, view_augmentation(settings), StepSampler(9, batch=4, seed=5))))
    trained = (batch.images[3].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    np.testing.assert_array_equal(view_rows(data, settings, count=7)[3][1], trained)


@pytest.mark.parametrize(
    ("words", "message"),
    [(("--out", "a.txt"), "does not end in .png"), (("--out", "a.png", "--crp", "3"), "did you mean 'crop'")],
)
def test_mistakes_are_refused(words, message, seglet):
    done = seglet("data", "view", "world", *words)
    assert done.code == 2
    assert message in done.err


def test_the_next_command_keeps_the_keys(images, seglet, tmp_path):
    done = seglet("data", "view", images, "--out", tmp_path / "v.png", "--crop", 32, 32, "--train_split", "val")
    assert f"--data {images} --crop 32 32 --train_split val" in done.out


def test_tags_are_shown_where_there_are_no_masks(seglet, tmp_path):
    text(write_image(tmp_path / "d/0.png").parent / "tags.csv", "0,cat")
    assert seglet("data", "check", tmp_path / "d").code == 0
    done = seglet("data", "view", tmp_path / "d", "--out", tmp_path / "v.png", "--count", 1, "--train_split", "all")
    assert "next: seglet train ssss" in done.out
    data = open_dataset(str(tmp_path / "d"), "all")
    assert [shown.shape[2] for shown in view_rows(data, Settings(crop=(16, 16)), count=1)[0]] == [3, 3, 3]
