from dataclasses import replace

import pytest
from tests.data.columns.producers import Caption, CopyProducer, Letters

from seglet.data.columns.recipe import column_recipes, recipe_from_dict


def recipe(**choices):
    return column_recipes([CopyProducer(**choices)])["source"]


def test_equal_descriptions_give_equal_keys():
    assert recipe().key == recipe().key
    assert recipe_from_dict(recipe().as_dict()) == recipe()


@pytest.mark.parametrize("choices", [{"gain": 2.0}, {"weights": "org/net@abc"}, {"kind": "grid"}])
def test_any_other_setting_gives_another_key(choices):
    assert recipe(**choices).key != recipe().key


def test_a_source_computed_differently_gives_another_key():
    before = column_recipes([Caption(), Letters()])["letters"].key
    assert column_recipes([Caption(weights="org/captioner@2"), Letters()])["letters"].key != before


def test_differences_name_what_was_and_what_is():
    found = recipe(gain=2.0, weights="org/net@b").differences(recipe(weights="org/net@a"))
    assert found == ["weights was 'org/net@a', is 'org/net@b'", "gain was 1.0, is 2.0"]


def test_a_new_setting_is_reported():
    before = replace(recipe(), settings={})
    assert recipe().differences(before) == ["gain was not set, is 1.0"]


@pytest.mark.parametrize(
    ("producers", "message"),
    [
        ([CopyProducer(name="../etc")], "see ColumnProducer.name"),
        ([CopyProducer(), CopyProducer()], "two producers"),
        ([Letters(), Caption()], "must come before"),
        ([CopyProducer(gain=float("nan"))], "plain JSON"),
    ],
)
def test_what_cannot_be_addressed_is_refused(producers, message):
    with pytest.raises(ValueError, match=message):
        column_recipes(producers)
