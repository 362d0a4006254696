"""Recipes: descriptions of how columns were computed, hashed into their addresses."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from seglet.data.columns.kinds import COLUMN_KINDS, ColumnKind
from seglet.data.columns.producer import COLUMN_NAME, ColumnProducer
from seglet.data.errors import DataError

RECIPE_FORMAT = 1
"""Version of the storage format; raised when stored values are to be read differently."""

_COMMIT = re.compile(r"@[0-9a-f]{40}\b")


@dataclass(frozen=True)
class ColumnRecipe:
    """Everything that decides the values of a column except the images, which have addresses of their own below it."""

    name: str
    kind: ColumnKind
    maker: str
    identity: str
    settings: Mapping[str, Any]
    reads: tuple[str, ...]
    sources: Mapping[str, str]
    """Keys of the columns it is computed from, by name."""
    format: int = RECIPE_FORMAT

    @cached_property
    def key(self) -> str:
        """First 64 bits of the SHA-256 of the recipe, in hex."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def as_dict(self) -> dict[str, Any]:
        """Returns the recipe as plain JSON."""
        return {**asdict(self), "settings": dict(self.settings), "sources": dict(self.sources)}

    def allows(self, other: "ColumnRecipe") -> bool:
        """True if `other` is the same but that one of the two names no commit of a model of the hub."""
        own, their = (_COMMIT.sub("", recipe.identity) for recipe in (self, other))
        exact = all(_COMMIT.search(recipe.identity) for recipe in (self, other))
        return not exact and own == their and replace(other, identity=self.identity) == self

    def differences(self, other: "ColumnRecipe") -> list[str]:
        """Returns one line per field that differs from `other`, the earlier recipe."""
        before, now = _flat(other), _flat(self)
        keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
        return [f"{key} was {_shown(before, key)}, is {_shown(now, key)}" for key in keys]


def column_recipes(producers: Sequence[ColumnProducer]) -> dict[str, ColumnRecipe]:
    """Returns the recipe of each producer's column by name, in the order of the producers.

    Raises:
        ValueError: the description of a producer cannot be used; an error of the method's author.
    """
    made: dict[str, ColumnRecipe] = {}
    for producer in producers:
        if not COLUMN_NAME.fullmatch(producer.name) or producer.kind not in COLUMN_KINDS:
            raise ValueError(
                f"column {producer.name!r} of kind {producer.kind!r}: see ColumnProducer.name and ColumnKind"
            )
        if producer.name in made:
            raise ValueError(f"two producers make the column {producer.name!r}; give each a name of its own")
        lacking = [name for name in producer.sources if name not in made]
        if lacking:
            raise ValueError(f"column {producer.name!r} is made from {lacking}, whose producers must come before it")
        made[producer.name] = ColumnRecipe(
            name=producer.name,
            kind=producer.kind,
            maker=producer.maker,
            identity=producer.identity(),
            settings=_plain(producer),
            reads=tuple(sorted({"image", *producer.reads})),
            sources={name: made[name].key for name in producer.sources},
        )
    return made


def recipe_from_dict(content: Any) -> ColumnRecipe:
    """Returns the recipe that `as_dict` wrote.

    Raises:
        DataError: `content` is no recipe.
    """
    try:
        return ColumnRecipe(**{**content, "reads": tuple(content["reads"])})
    except (TypeError, KeyError) as error:
        raise DataError(f"no recipe of a column: {error}") from error


def _plain(producer: ColumnProducer) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads(json.dumps(dict(producer.settings()), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the settings of column {producer.name!r} must be plain JSON: {error}") from error
    return settings


def _flat(recipe: ColumnRecipe) -> dict[str, Any]:
    parts = recipe.as_dict()
    settings, sources = parts.pop("settings"), parts.pop("sources")
    weights = {"weights": parts.pop("identity")}
    return {**weights, **settings, **{f"source {name}": key for name, key in sources.items()}, **parts}


def _shown(flat: Mapping[str, Any], key: str) -> str:
    return repr(flat[key]) if key in flat else "not set"
