"""Opens the embedded world by name: `world`, or `world:scenes=100,size=32,clutter=8`."""

from dataclasses import fields
from typing import Any

from seglet.data.errors import DataError
from seglet.data.world.dataset import World
from seglet.data.world.plan import Difficulty
from seglet.values import choose_from

_WHOLE_NUMBERS = ("scenes", "size", "seed", "dark", "clutter")
_DIFFICULTY_OPTIONS = tuple(field.name for field in fields(Difficulty))
WORLD_OPTIONS = (*dict.fromkeys((*_WHOLE_NUMBERS, *_DIFFICULTY_OPTIONS)),)
"""Options allowed after `world:`: those of `World`, then the fields of `Difficulty`."""


def open_world(data: str, split: str, **defaults: Any) -> World:
    """Opens the world that `data` names; `defaults` are fields of `World` that the name leaves open.

    Raises:
        DataError: an option is unknown, is not a number or is out of range; names it.
    """
    given = parse_world_options(data)
    try:
        difficulty = Difficulty(**{name: given.pop(name) for name in _DIFFICULTY_OPTIONS if name in given})
    except ValueError as error:
        raise DataError(f"{data!r}: {error}") from error
    return World(split, difficulty=difficulty, **{**defaults, **given})


def parse_world_options(data: str) -> dict[str, Any]:
    """Returns the options in a name such as `world:scenes=100,clutter=8`.

    Raises:
        DataError: an option is unknown or is not a number.
    """
    options: dict[str, Any] = {}
    for part in filter(None, data.removeprefix("world").removeprefix(":").split(",")):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in WORLD_OPTIONS:
            raise DataError(f"the embedded world has no option {name!r}; {choose_from(name, WORLD_OPTIONS)}")
        options[name] = _number(part, value, whole=name in _WHOLE_NUMBERS)
    return options


def _number(part: str, value: str, whole: bool) -> int | float:
    digits = value if whole else value.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and len(value) < 20):
        kind = "a whole number" if whole else "a number"
        raise DataError(f"world option {part!r} is not name={kind}; write world:scenes=100,size=64,co_occurrence=0.5")
    return int(value) if whole else float(value)
