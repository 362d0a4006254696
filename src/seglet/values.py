"""Plain values made into frozen dataclasses: types are checked, wrong names are answered with the nearest right one."""

import difflib
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

_ConfigT = TypeVar("_ConfigT")

UNIONS = (UnionType, Union)
"""Origins of an optional type: Python makes one or the other of `X | None`, depending on X."""


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key, what came and what was expected."""


def build_config(kind: type[_ConfigT], values: Mapping[str, Any]) -> _ConfigT:
    """Builds an instance of the dataclass `kind`; keys that it lacks are ignored, see `check_known_keys`.

    Raises:
        ConfigError: a key without default is missing, or a value does not fit its type.
    """
    hints = get_type_hints(kind)
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    missing = [name for name, f in known.items() if f.default is MISSING and name not in values]
    if missing:
        raise ConfigError(
            f"missing key {', '.join(map(repr, missing))}; add it to the experiment or give --{missing[0]}"
        )
    return kind(**{name: convert_value(name, values[name], hints[name]) for name in known if name in values})


def check_known_keys(keys: Iterable[str], known: Iterable[str], where: str) -> None:
    """Checks that every key is a known one.

    Raises:
        ConfigError: some are not; the message gives the nearest known key for each.
    """
    names = sorted(known)
    unknown = []
    for key in keys:
        if key not in names:
            near = nearest_names(key, names)
            unknown.append(f"{key!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    if unknown:
        raise ConfigError(f"unknown key {', '.join(unknown)} in {where}; known keys: {', '.join(names)}")


def convert_value(name: str, value: Any, expected: Any) -> Any:
    """Returns `value` as the annotated type: numbers are not strings, but '1e-3' (text to YAML 1.1) is a number.

    Raises:
        ConfigError: it is not of this type; the message begins with `name`.
    """
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in UNIONS:
        return _optional(name, value, arguments)
    if origin is Literal:
        return _choice(name, value, arguments)
    if origin is tuple:
        return _tuple(name, value, arguments)
    scalar = _scalar(value, expected)
    if scalar is None:
        raise ConfigError(f"{name}: expected {describe_type(expected)}, got {value!r}")
    return scalar


def _optional(name: str, value: Any, arguments: tuple[Any, ...]) -> Any:
    if value is None or value in ("none", "null", ""):
        return None
    (inner,) = [kind for kind in arguments if kind is not NoneType]
    return convert_value(name, value, inner)


def _choice(name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if str(value) == str(choice):
            return choice
    hint = did_you_mean(str(value), map(str, choices))
    raise ConfigError(f"{name}: expected one of {', '.join(map(str, choices))}, got {value!r}{hint}")


def _tuple(name: str, value: Any, kinds: tuple[Any, ...]) -> Any:
    if kinds[1:] == (Ellipsis,):
        return _list(name, value, kinds[0])
    items = value.replace(",", " ").split() if isinstance(value, str) else value
    if isinstance(items, int | float) and not isinstance(items, bool):
        items = [items]
    if isinstance(items, list | tuple) and len(items) == 1:
        items = [*items] * len(kinds)  # one number stands for all: crop: 64
    if not isinstance(items, list | tuple) or len(items) != len(kinds):
        raise ConfigError(f"{name}: expected {len(kinds)} values, got {value!r}")
    return tuple(convert_value(name, item, kind) for item, kind in zip(items, kinds, strict=True))


def _list(name: str, value: Any, kind: Any) -> Any:
    """Converts any number of items; a single one needs no list. Text is one item, blanks and commas included."""
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(convert_value(name, item, kind) for item in items)


def _scalar(value: Any, expected: Any) -> Any:
    if expected is bool:
        return {"true": True, "false": False, "yes": True, "no": False}.get(str(value).lower())
    if expected is str:
        return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    if expected is int:
        return int(number) if number == int(number) else None
    return number


def describe_type(expected: Any) -> str:
    """Describes a type in plain words, for error messages and help."""
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in UNIONS:
        return " or ".join("none" if kind is NoneType else describe_type(kind) for kind in arguments)
    if origin is Literal:
        return "|".join(map(str, arguments))
    if origin is tuple:
        item = describe_type(arguments[0])
        return f"one or more of {item}" if arguments[1:] == (Ellipsis,) else f"{len(arguments)} × {item}"
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(expected, str(expected))


def option_help(field: Field[Any]) -> str:
    """Returns the help text of a config field made by `types.option`; empty if it has none."""
    text: str = field.metadata.get("help", "")
    return text


def nearest_names(wrong: str, right: Iterable[str], count: int = 1, least: float = 0.6) -> list[str]:
    """Returns at most `count` of the right names that resemble the wrong one, the most similar first.

    Args:
        least: similarity in [0, 1] that a name must reach: twice the common letters over all letters.
    """
    return difflib.get_close_matches(wrong, list(right), n=count, cutoff=least)


def did_you_mean(wrong: str, right: Iterable[str], count: int = 1, least: float = 0.6) -> str:
    """Returns "; did you mean 'x'?" for the end of an error message, empty if no right name is near."""
    near = nearest_names(wrong, right, count, least)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def choose_from(wrong: str, right: Iterable[str]) -> str:
    """Returns the end of an error message: the nearest right name if one is near, then all right names."""
    names = list(right)
    near = nearest_names(wrong, names)
    suggestion = f"did you mean {near[0]!r}? " if near else ""
    return f"{suggestion}choose from {', '.join(names)}" if names else "there is none"


def fold_spelling(name: str) -> str:
    """Returns the name in lower case without blanks, underscores and hyphens: 'diningtable' for 'Dining_Table'."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in plain if letter not in " _-\t")


def read_term(term: str, kinds: Mapping[str, type[_ConfigT]], key: str) -> tuple[str, _ConfigT]:
    """Reads `NAME option=value …`, an item of a list such as `terms`; returns its name and its options.

    Args:
        kinds: dataclass of the options by name.
        key: the key of the list, with which messages begin.

    Raises:
        ValueError: there is no such name or option, or a value is out of range; names the nearest.
    """
    kind, *words = term.split() or [""]
    if kind not in kinds:
        hint = did_you_mean(kind, kinds) or "."
        raise ValueError(f"{key}: there is no term {kind!r}{hint} There are: {', '.join(kinds)}")
    pairs = [word.partition("=") for word in words]
    bare = [name for name, equals, _ in pairs if not equals]
    if bare:
        raise ValueError(f"{key}: expected `{kind} option=value …`, got {bare[0]!r} in {term!r}")
    given = {name: value for name, _, value in pairs}
    if len(given) < len(pairs):
        raise ValueError(f"{key}: an option is given twice in {term!r}; keep one")
    check_known_keys(given, [field.name for field in fields(kinds[kind])], f"the term {term!r}")  # type: ignore[arg-type]
    try:
        return kind, build_config(kinds[kind], given)
    except ValueError as error:
        raise ValueError(f"{key}: {term!r}: {error}") from error
