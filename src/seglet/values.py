"""One flat mapping to frozen dataclasses: types checked, unknown keys answered with the nearest right one."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

Config = TypeVar("Config")


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key, what came and what was expected."""


def build(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """An instance of the dataclass `kind`; keys that it does not have must have been refused before."""
    hints = get_type_hints(kind)
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    missing = [name for name, f in known.items() if f.default is MISSING and name not in values]
    if missing:
        raise ConfigError(
            f"missing key {', '.join(map(repr, missing))}; add it to the experiment or give --{missing[0]}"
        )
    return kind(**{name: convert(name, values[name], hints[name]) for name in known if name in values})


def refuse_unknown(keys: Iterable[str], known: Iterable[str], where: str) -> None:
    """
    Raises:
        ConfigError: some key is not known; each is named with the nearest known one.
    """
    names = sorted(known)
    complaints = []
    for key in keys:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            complaints.append(f"{key!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    if complaints:
        raise ConfigError(f"unknown key {', '.join(complaints)} in {where}; known keys: {', '.join(names)}")


def convert(name: str, value: Any, expected: Any) -> Any:
    """`value` as the annotated type: numbers are not strings, but '1e-3' (text to YAML 1.1) is a number."""
    origin, arguments = get_origin(expected), get_args(expected)
    if origin is UnionType:
        return _optional(name, value, arguments)
    if origin is Literal:
        return _choice(name, value, arguments)
    if origin is tuple:
        return _tuple(name, value, arguments)
    scalar = _scalar(value, expected)
    if scalar is None:
        raise ConfigError(f"{name}: expected {describe(expected)}, got {value!r}")
    return scalar


def _optional(name: str, value: Any, arguments: tuple[Any, ...]) -> Any:
    if value is None or value in ("none", "null", ""):
        return None
    (inner,) = [kind for kind in arguments if kind is not NoneType]
    return convert(name, value, inner)


def _choice(name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if str(value) == str(choice):
            return choice
    near = difflib.get_close_matches(str(value), [str(c) for c in choices], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
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
    return tuple(convert(name, item, kind) for item, kind in zip(items, kinds, strict=True))


def _list(name: str, value: Any, kind: Any) -> Any:
    """Any number of items; a single one needs no list. Text may hold blanks and commas."""
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(convert(name, item, kind) for item in items)


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


def describe(expected: Any) -> str:
    """A type in words, for people."""
    origin, arguments = get_origin(expected), get_args(expected)
    if origin is UnionType:
        return " or ".join("none" if kind is NoneType else describe(kind) for kind in arguments)
    if origin is Literal:
        return "|".join(map(str, arguments))
    if origin is tuple:
        many = arguments[1:] == (Ellipsis,)
        return f"one or more of {describe(arguments[0])}" if many else f"{len(arguments)} × {describe(arguments[0])}"
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(expected, str(expected))


def help_of(field: Field[Any]) -> str:
    text: str = field.metadata.get("help", "")
    return text


def suggest(wrong: str, right: Iterable[str]) -> str:
    """'; did you mean …?' if something near was meant."""
    near = difflib.get_close_matches(wrong, list(right), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
