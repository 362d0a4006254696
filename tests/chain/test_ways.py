"""The way from the labels that are there, and the steps that the time allows."""

from dataclasses import replace

import pytest

from seglet.chain.budget import TimeModel
from seglet.chain.facts import LabelFacts
from seglet.chain.request import ChainRequest
from seglet.chain.ways import choose_way
from seglet.engine.choices import DataFacts, Machine
from seglet.types import Classes
from seglet.values import ConfigError

ANIMALS = Classes.named(["background", "cat", "dog"])
MASKS = LabelFacts("train", "val", "", 40, 40, 0, 10, 0, (375, 500), ANIMALS, False)
TAGS = replace(MASKS, masked=0, tagged=40)
VOC = DataFacts(images=1329, scored=216, size=(375, 500), classes=7)


def way(facts: LabelFacts, tmp_path, **request):
    found = choose_way(facts, ChainRequest(tmp_path, **request))
    return found.labels, found.labeller


def test_masks_for_all_go_before_tags(tmp_path):
    both = replace(MASKS, tagged=40)
    assert way(both, tmp_path) == ("masks", None)
    assert way(both, tmp_path, learn_from="tags") == ("tags", "imagenet")


def test_few_masks_are_those_with_more_images_without(tmp_path):
    assert way(replace(MASKS, unlabelled="unlabelled", unlabelled_images=41), tmp_path) == ("few masks", None)
    assert way(replace(MASKS, unlabelled="unlabelled", unlabelled_images=39), tmp_path) == ("masks", None)


def test_tags_become_masks_by_what_knows_the_classes(tmp_path):
    assert way(TAGS, tmp_path) == ("tags", "imagenet")
    assert way(TAGS, tmp_path, clip="clip-b16") == ("tags", "diclip")
    roads = replace(TAGS, classes=Classes.named(["background", "cat", "pothole"]))
    assert way(roads, tmp_path) == ("tags", "ssss")
    with pytest.raises(ConfigError, match=r"no classes for pothole, and no image .* --groups FILE"):
        way(replace(roads, scored="", scored_images=0), tmp_path)


def test_classes_of_voc_have_the_published_groups(tmp_path):
    for other, groups in (("person", "voc"), ("lion", "")):
        facts = replace(TAGS, classes=Classes.named(["background", "cat", other]))
        assert choose_way(facts, ChainRequest(tmp_path)).groups == groups
    assert (
        choose_way(replace(TAGS, classes=Classes.named(["background", "cat", "lion"])), ChainRequest(tmp_path)).groups
        == ""
    )


def test_shapes_that_are_given_are_used(tmp_path):
    assert way(MASKS, tmp_path, shapes=tmp_path / "points.csv") == ("shapes", None)


def test_without_labels_it_says_which_could_be_given(tmp_path):
    with pytest.raises(ConfigError, match="--tags FILE, or draw masks, points"):
        way(replace(MASKS, masked=0), tmp_path)
    with pytest.raises(ConfigError, match="into a split `unlabelled`"):
        way(replace(MASKS, masked=5), tmp_path)


def test_steps_fill_the_time_that_is_left():
    time = TimeModel(Machine(cores=2, memory=16), VOC, 1200.0)
    step = 8 * 224 * 224 / 1e6 * 1.8 / 2**0.8  # 0.415 s
    assert time.training("supervised", 1) == pytest.approx(step)
    assert time.steps(("supervised",), 600.0) == 1000  # (0.85 * 1200 - 600) / 0.415 = 1012, to full fifties
    assert time.steps(("supervised", "supervised"), 600.0) == 500
    assert time.steps(("supervised",), 5000.0) == 200
    assert replace(time, seconds=None).steps(("supervised",), 0.0) == 1350  # eight epochs


def test_a_tagged_thousand_takes_less_than_its_labels_and_its_training():
    time = TimeModel(Machine(cores=2, memory=16), replace(VOC, images=1000), 1200.0)
    labels = time.labelling("imagenet", 1000)
    assert labels == pytest.approx((1000 * 0.0867 * 7.8 + 12) / 2**0.8, rel=1e-3)
    assert labels + time.training("supervised", time.steps(("supervised",), labels)) < 1200
