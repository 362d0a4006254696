"""Parsing of the command line."""

import argparse

import pytest

from seglet.cli.parsing import RENAMED_OPTIONS, Parser, UsageError, positive_fraction, split_options, whole_number


def test_what_follows_an_unknown_option_belongs_to_it():
    words = ["a.yaml", "--kappa", "5", "--out", "x", "--crop", "64", "64", "--resume"]
    assert split_options(words, ["--out", "--resume"]) == (
        ["a.yaml", "--out", "x", "--resume"],
        ["--kappa", "5", "--crop", "64", "64"],
    )


def test_an_unknown_option_may_come_before_the_positional_words():
    assert split_options(["--kappa=5", "a.yaml", "-h"], ["-h"]) == (["a.yaml", "-h"], ["--kappa=5"])
    assert split_options(["--resume", "--steps", "-5"], ["--resume"]) == (["--resume"], ["--steps", "-5"])


def test_an_unexpected_word_is_named():
    with pytest.raises(UsageError, match="did not expect 'two'"):
        Parser("x").read(["two"])


@pytest.mark.parametrize("text", ["0", "11", "1.5", "nan", "", "١١"])
def test_whole_numbers_have_limits(text):
    with pytest.raises(argparse.ArgumentTypeError, match="from 1 to 10"):
        whole_number(1, 10)(text)
    assert whole_number(1, 10)("10") == 10


@pytest.mark.parametrize("text", ["0", "-1", "1.01", "nan", "inf", "x"])
def test_fractions_have_limits(text):
    with pytest.raises(argparse.ArgumentTypeError):
        positive_fraction(text)
    assert positive_fraction("1") == 1


@pytest.mark.parametrize(("old", "new"), RENAMED_OPTIONS.items())
def test_an_old_spelling_is_accepted_with_a_warning(old, new, capsys):
    parser = Parser("x")
    parser.add_argument(new)
    assert vars(parser.read([old, "a"]))[new[2:].replace("-", "_")] == "a"
    assert f"warning: {old} is now {new}" in capsys.readouterr().err


def test_the_home_stands_for_a_tilde_in_every_form_of_a_value(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    parser = Parser("x")
    parser.add_argument("--data")
    assert (parser.read(["--data=~/d"]).data, parser.read(["--data", "~"]).data) == ("/home/me/d", "/home/me")
    assert parser.read_known(["--teacher=~/t", "a~/b"])[1] == ["a~/b", "--teacher=/home/me/t"]
    assert parser.read(["--data=~x"]).data == "~x"
