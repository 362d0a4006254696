"""`seglet data split`."""

import json

import pytest


def test_two_splits_are_made_and_the_next_command_names_them(images, seglet):
    done = seglet("data", "split", images, "--count", 1)
    assert done.code == 0
    assert "1 labelled and 1 unlabelled images" in done.out
    assert f"seglet train fixmatch --data {images} --train_split 1/labelled" in done.out
    assert "warning: no labelled image shows" in done.out


def test_a_share_and_a_seed_are_in_the_name(images, seglet):
    told = json.loads(seglet("data", "split", images, "--share", "1/2", "--seed", 3, "--json").out)
    assert (told["labelled"], told["unlabelled"]) == (1, 1)
    stored = json.loads((images / "dataset.json").read_text())
    assert {"1_2-seed3/labelled", "1_2-seed3/unlabelled"} <= stored["splits"].keys()


def test_the_world_needs_no_splitting(seglet):
    assert "--train_split 1_8/labelled" in seglet("data", "split", "world", "--share", "1/8").out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give --count N or --share 1/8"),
        (("--count", 1, "--share", "1/2"), "one of them"),
        (("--share", "2"), "expected a share such as 1/8"),
        (("--share", "3/2"), "expected a share such as 1/8"),
        (("--count", 2), "cannot keep the masks of 2 of 2 images"),
        (("--count", 1, "--split", "tain"), "did you mean 'train'"),
    ],
)
def test_mistakes_are_refused(words, message, images, seglet):
    done = seglet("data", "split", images, *words)
    assert done.code == 2
    assert message in done.err
