import pytest
import yaml

from seglet.plain_yaml import PlainLoader

BOMB = "\n".join(["a: &a [x, x, x, x, x, x, x, x, x]", *(f"{b}: &{b} [{','.join(['*' + a] * 9)}]" for a, b in zip(
    "abcdefg", "bcdefgh", strict=True))])  # fmt: skip


def load(text):
    return yaml.load(text, PlainLoader)


def test_plain_values_are_read():
    assert load("a: 10\nb: [0, -3, 0.5]\nc: {d: no}") == {"a": 10, "b": [0, -3, 0.5], "c": {"d": False}}


def test_a_value_may_be_repeated():
    assert load("a: &crop [64, 64]\nb: *crop") == {"a": [64, 64], "b": [64, 64]}


@pytest.mark.parametrize("text", [BOMB, "a: &a [*a]", "a: &a {b: *a}"])
def test_bombs_and_circles_of_aliases_are_refused(text):
    with pytest.raises(yaml.YAMLError, match="aliases within anchored values"):
        load(text)


def test_too_many_repetitions_are_refused():
    with pytest.raises(yaml.YAMLError, match="too many"):
        load("a: &a [1]\nb: [" + ", ".join(["*a"] * 101) + "]")


@pytest.mark.parametrize("text", ["[" * 100000, "{a: " * 5000])
def test_deep_nesting_is_refused(text):
    with pytest.raises(yaml.YAMLError, match="nested deeper than 50"):
        load(text)


@pytest.mark.parametrize("number", ["010", "-007", "1:30", "0_8_1"])
def test_numbers_that_mean_others_are_refused(number):
    if number == "0_8_1":  # no number at all to YAML
        assert load(f"steps: {number}") == {"steps": number}
        return
    with pytest.raises(yaml.YAMLError, match="base 8 or 60"):
        load(f"steps: {number}")


def test_code_is_not_run():
    with pytest.raises(yaml.YAMLError, match="python"):
        load("a: !!python/object/apply:os.system [true]")
