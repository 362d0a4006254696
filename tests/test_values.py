from dataclasses import dataclass
from typing import Literal

import pytest

from seglet.values import (
    ConfigError,
    build_config,
    check_known_keys,
    choose_from,
    convert_value,
    describe_type,
    did_you_mean,
    nearest_names,
)

Merge = Literal["pixel", "channel"]


@dataclass(frozen=True)
class Small:
    kappa: float = 1.0
    steps: int = 3
    crop: tuple[int, int] = (64, 64)
    merge: Merge = "pixel"
    clip: float | None = None
    flag: bool = False


def test_values_take_the_types_of_their_fields():
    built = build_config(
        Small, {"kappa": 5, "steps": "1e3", "crop": [8, "16"], "merge": "channel", "clip": "0.5", "flag": "true"}
    )
    assert built == Small(5.0, 1000, (8, 16), "channel", 0.5, True)


def test_scientific_notation_without_a_dot_is_a_number():
    assert convert_value("lr", "1e-3", float) == 0.001  # YAML 1.1 reads it as text


def test_one_number_stands_for_height_and_width():
    assert convert_value("crop", 32, tuple[int, int]) == convert_value("crop", "32", tuple[int, int]) == (32, 32)


def test_none_turns_an_optional_value_off():
    assert convert_value("clip", "none", float | None) is None
    assert convert_value("merge", "none", Merge | None) is None  # of an alias, Python makes a typing.Union
    assert convert_value("merge", "pixel", Merge | None) == "pixel"
    assert describe_type(Merge | None) == "pixel|channel or none"


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("steps", 1.5, int),
        ("steps", True, int),
        ("kappa", "abc", float),
        ("flag", 1, bool),
        ("crop", [1, 2, 3], tuple[int, int]),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(name, value, kind):
    with pytest.raises(ConfigError, match=name):
        convert_value(name, value, kind)


def test_a_wrong_choice_names_the_nearest_right_one():
    with pytest.raises(ConfigError, match="did you mean 'channel'"):
        build_config(Small, {"merge": "chanel"})


def test_an_unknown_key_names_the_nearest_right_one():
    with pytest.raises(ConfigError, match=r"'kapa' \(did you mean 'kappa'\?\) in the command line"):
        check_known_keys(["kapa"], ["kappa", "steps"], "the command line")


def test_a_list_of_any_length_keeps_blanks_and_commas_of_its_items():
    assert convert_value("terms", ["kl", "cwd weight=3, 4"], tuple[str, ...]) == ("kl", "cwd weight=3, 4")
    assert convert_value("terms", "cwd weight=3", tuple[str, ...]) == ("cwd weight=3",)
    assert convert_value("sizes", ["1", 2], tuple[int, ...]) == (1, 2)
    assert describe_type(tuple[str, ...]) == "one or more of text"


def test_an_item_of_the_wrong_type_is_refused_by_the_name_of_its_list():
    with pytest.raises(ConfigError, match="sizes: expected a whole number, got 'x'"):
        convert_value("sizes", ["1", "x"], tuple[int, ...])


def test_the_nearest_names_come_first_and_others_not_at_all():
    assert nearest_names("trian", ["val", "train", "trains"], count=2) == ["train", "trains"]
    assert nearest_names("trian", ["val", "test"]) == []


def test_a_message_ends_with_the_name_that_was_meant():
    assert did_you_mean("fotff", ["fotf", "dgkd"]) == "; did you mean 'fotf'?"
    assert did_you_mean("layer9", ["layer1", "layer2"], count=2) == "; did you mean 'layer2' or 'layer1'?"
    assert did_you_mean("zebra", ["fotf", "dgkd"]) == ""


def test_a_message_lists_what_there_is_to_choose_from():
    assert choose_from("vla", ["train", "val"]) == "did you mean 'val'? choose from train, val"
    assert choose_from("zebra", ["train", "val"]) == "choose from train, val"
    assert choose_from("val", []) == "there is none"
