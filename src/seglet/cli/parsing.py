"""Parsing of the command line; a wrong option is answered with the nearest right one."""

import argparse
import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from seglet.engine.console import print_message
from seglet.files import expand_home
from seglet.values import did_you_mean

LONGEST_SIDE = 1_000_000
"""Largest side of windows, in pixels."""

RENAMED_OPTIONS = {
    "--pictures": "--images",
    "--picture": "--figure",
    "--lit": "--light",
    "--lift": "--show-brightened",
}
"""Old spellings of options, which are still accepted, with a warning."""


class UsageError(ValueError):
    """The command line cannot be understood; the message names the word and what was expected."""


class Parser(argparse.ArgumentParser):
    """Parser of one command, which raises an exception on errors and takes no abbreviated options."""

    def __init__(self, command: str) -> None:
        super().__init__(f"seglet {command}", allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raises a `UsageError` with this message."""
        raise UsageError(f"{message}; see `{self.prog} --help`")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parses the arguments, and adds `command_line`, the command to repeat them in a shell.

        Raises:
            UsageError: a word is not known, missing or of the wrong kind.
        """
        arguments, unknown = self.parse_known_args(self.current(words))
        if unknown:
            self.error(_unexpected(unknown[0], self.options()))
        arguments.command_line = shlex.join([*self.prog.split(), *words])
        return arguments

    def read_known(self, words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
        """Parses the command's own arguments; returns also the options it does not have, with the words behind them.

        Raises:
            UsageError: a word of the command's own is missing or of the wrong kind.
        """
        own, foreign = split_options(self.current(words), self.options())
        arguments, more = self.parse_known_args(own)
        arguments.command_line = shlex.join([*self.prog.split(), *words])
        return arguments, more + foreign

    def read_known_with_method(self, words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
        """Parses the arguments as `read_known` if the option --method is given, and else as `read`."""
        given = any(word.partition("=")[0] == "--method" for word in words)
        return self.read_known(words) if given else (self.read(words), [])

    def current(self, words: Sequence[str]) -> list[str]:
        """Replaces old spellings of options by today's, and `~` at the beginning of a value by the user's home."""
        return [with_home(word) for word in self.renamed(words)]

    def renamed(self, words: Sequence[str]) -> list[str]:
        """Replaces old spellings of this command's options by today's, with a warning on stderr for each."""
        options, current = self.options(), []
        for word in words:
            name, equals, value = word.partition("=")
            new = RENAMED_OPTIONS.get(name, name)
            if new != name and new in options and name not in options:
                print_message(f"warning: {name} is now {new}; the old spelling goes with the next release")
                word = f"{new}{equals}{value}"
            current.append(word)
        return current

    def options(self) -> list[str]:
        """Returns the options of the command."""
        return [name for action in self._actions for name in action.option_strings]


def split_options(words: Sequence[str], known: Iterable[str]) -> tuple[list[str], list[str]]:
    """Divides words between known and unknown options.

    Words behind `--unknown` belong to it; behind `--unknown=value` none do.
    """
    known = set(known)
    own: list[str] = []
    foreign: list[str] = []
    side = own
    for word in words:
        if word.startswith("--") and len(word) > 2:
            side = own if word.partition("=")[0] in known else foreign
        elif word in known:
            side = own
        side.append(word)
        if side is foreign and word.startswith("--") and "=" in word:
            side = own
    return own, foreign


def with_home(word: str) -> str:
    """Returns a word with the home in place of the `~` that its value begins with, as shells do for some words only."""
    name, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return f"{name}{equals}{expand_home(value)}" if value == "~" or value.startswith("~/") else word


def _unexpected(word: str, options: Sequence[str]) -> str:
    if not word.startswith("-"):
        return f"did not expect {word!r}"
    name = word.partition("=")[0]
    return f"unknown option {name!r}{did_you_mean(name, options)}"


def whole_number(smallest: int, largest: int) -> Callable[[str], int]:
    """Returns a reader of arguments that are whole numbers from `smallest` to `largest`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = smallest - 1
        if not smallest <= number <= largest:
            raise argparse.ArgumentTypeError(f"expected a whole number from {smallest} to {largest}, got {text!r}")
        return number

    return read


def positive_fraction(text: str) -> float:
    """Reads an argument above 0 and at most 1."""
    return _number(text, 1)


def unit_fraction(text: str) -> float:
    """Reads an argument from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text!r}")
    return number


def scale_factor(text: str) -> float:
    """Reads an argument above 0 and at most 16, beyond which images would not fit into memory."""
    return _number(text, 16)


def _number(text: str, largest: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= largest:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and at most {largest}, got {text!r}")
    return number


DARK_PRESETS = ("mild", "night", "extreme")
_MOST_STOPS = 16
"""Stops of light that an image of 16 bits has."""


def darkness_level(text: str) -> str | float:
    """Reads an argument that is a preset of darkness, or a number of stops from 0 to 16."""
    if text in DARK_PRESETS:
        return text
    try:
        stops = float(text)
    except ValueError:
        stops = -1.0
    if not 0 <= stops <= _MOST_STOPS:
        choice = f"{', '.join(DARK_PRESETS)} or stops from 0 to {_MOST_STOPS}"
        raise argparse.ArgumentTypeError(f"expected {choice}, got {text!r}{did_you_mean(text, DARK_PRESETS)}")
    return stops


def add_device(parser: argparse.ArgumentParser) -> None:
    """Adds the option --device."""
    parser.add_argument("--device", default="auto", help="auto (a GPU if there is one), cpu, cuda, cuda:1, mps")


def add_method(parser: argparse.ArgumentParser) -> None:
    """Adds the option --method for a method in place of a model."""
    parser.add_argument(
        "--method",
        metavar="METHOD",
        help="in place of a model: a method that makes masks from tags, by name, experiment (YAML) or run; its keys "
        "are options too, as of `seglet train`",
    )


def add_calibrate(parser: argparse.ArgumentParser) -> None:
    """Adds the options --calibrate and --calibrate-split for a method with thresholds of class scores."""
    parser.add_argument(
        "--calibrate",
        metavar="DATA",
        help="with --method concepts: a few images with masks, on which the threshold of each class is chosen",
    )
    parser.add_argument("--calibrate-split", metavar="SPLIT", help="split of --calibrate (train)")


def add_adapt(parser: argparse.ArgumentParser) -> None:
    """Adds the option --adapt for a method that remembers the images before it predicts them."""
    parser.add_argument(
        "--adapt",
        nargs="?",
        const="memory",
        default="none",
        choices=["none", "memory", "shuffled"],
        help="with --method diclip: first remember the regions of these images that it is sure of, as keys of its "
        "cache; shuffled, a control, remembers them as regions of other classes",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds the option --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout, the text on stderr")
