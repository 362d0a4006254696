"""`seglet data split`."""

import json

import pytest


def test_two_splits_are_made_and_the_next_command_names_them(pictures, seglet):
    done = seglet("data", "split", pictures, "--count", 1)
    assert done.code == 0
    assert "1 labelled and 1 unlabelled pictures" in done.out
    assert f"seglet train fixmatch --data {pictures} --train_split 1/labelled" in done.out
    assert "warning: no labelled picture shows" in done.out


def test_a_share_and_a_seed_are_in_the_name(pictures, seglet):
    told = json.loads(seglet("data", "split", pictures, "--share", "1/2", "--seed", 3, "--json").out)
    assert (told["labelled"], told["unlabelled"]) == (1, 1)
    stored = json.loads((pictures / "dataset.json").read_text())
    assert {"1_2-seed3/labelled", "1_2-seed3/unlabelled"} <= stored["splits"].keys()


def test_the_world_needs_no_splitting(seglet):
    assert "--train_split 1_8/labelled" in seglet("data", "split", "world", "--share", "1/8").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give --count N or --share 1/8"),
        (("--count", 1, "--share", "1/2"), "one of them"),
        (("--share", "2"), "expected a share such as 1/8"),
        (("--share", "3/2"), "expected a share such as 1/8"),
        (("--count", 2), "cannot keep the masks of 2 of 2 pictures"),
        (("--count", 1, "--split", "tain"), "did you mean 'train'"),
    ],
)
def test_mistakes_are_named(words, said, pictures, seglet):
    done = seglet("data", "split", pictures, *words)
    assert done.code == 2
    assert said in done.err
