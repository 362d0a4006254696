"""Which results tables there are, and what each is made of."""

import importlib.resources
import json
from typing import Any

from seglet import methods
from seglet.values import did_you_mean


def names() -> list[str]:
    """Tables that there are."""
    folder = importlib.resources.files("seglet.results") / "definitions"
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


OF_THE_METHODS = "of the methods"
"""In place of rows: each method brings its own, in a file `demo.json` beside its code."""


def definition(name: str) -> dict[str, Any]:
    """What a table is made of: keys `shared` by all rows, and the `rows`, each a `Recipe`; see the files.

    Raises:
        ValueError: there is no such table; names the right ones.
    """
    if name not in names():
        raise ValueError(f"there is no table {name!r}{did_you_mean(name, names())}; there are {', '.join(names())}")
    text = (importlib.resources.files("seglet.results") / "definitions" / f"{name}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    if content["rows"] == OF_THE_METHODS:
        content["rows"] = {row: recipe for method in methods.available() for row, recipe in demo_rows(method).items()}
    return content


def demo_rows(method: str) -> dict[str, Any]:
    """Short runs of a method on the embedded world; none if it brings none."""
    file = importlib.resources.files("seglet.methods") / method / "demo.json"
    rows: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return rows
