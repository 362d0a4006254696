from dataclasses import dataclass
from typing import Literal

import pytest

from seglet.values import ConfigError, build, convert, describe, refuse_unknown


@dataclass(frozen=True)
class Small:
    kappa: float = 1.0
    steps: int = 3
    crop: tuple[int, int] = (64, 64)
    merge: Literal["pixel", "channel"] = "pixel"
    clip: float | None = None
    flag: bool = False


def test_values_take_the_types_of_their_fields():
    built = build(
        Small, {"kappa": 5, "steps": "1e3", "crop": [8, "16"], "merge": "channel", "clip": "0.5", "flag": "true"}
    )
    assert built == Small(5.0, 1000, (8, 16), "channel", 0.5, True)


def test_scientific_notation_without_a_dot_is_a_number():
    assert convert("lr", "1e-3", float) == 0.001  # YAML 1.1 reads it as text


def test_one_number_stands_for_height_and_width():
    assert convert("crop", 32, tuple[int, int]) == convert("crop", "32", tuple[int, int]) == (32, 32)


def test_none_turns_an_optional_value_off():
    assert convert("clip", "none", float | None) is None


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
        convert(name, value, kind)


def test_a_wrong_choice_names_the_nearest_right_one():
    with pytest.raises(ConfigError, match="did you mean 'channel'"):
        build(Small, {"merge": "chanel"})


def test_an_unknown_key_names_the_nearest_right_one():
    with pytest.raises(ConfigError, match=r"'kapa' \(did you mean 'kappa'\?\) in the command line"):
        refuse_unknown(["kapa"], ["kappa", "steps"], "the command line")


def test_a_list_of_any_length_keeps_blanks_and_commas_of_its_items():
    assert convert("terms", ["kl", "cwd weight=3, 4"], tuple[str, ...]) == ("kl", "cwd weight=3, 4")
    assert convert("terms", "cwd weight=3", tuple[str, ...]) == ("cwd weight=3",)
    assert convert("sizes", ["1", 2], tuple[int, ...]) == (1, 2)
    assert describe(tuple[str, ...]) == "one or more of text"


def test_an_item_of_the_wrong_type_is_refused_by_the_name_of_its_list():
    with pytest.raises(ConfigError, match="sizes: expected a whole number, got 'x'"):
        convert("sizes", ["1", "x"], tuple[int, ...])
