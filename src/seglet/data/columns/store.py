"""The folder of one column: how it was made, and shards that are whole or not there.

NAME-KEY/column.json              the recipe
NAME-KEY/HASH.safetensors         values of some images (`shards`)

Nobody needs a lock: a shard appears with all it holds at once and is never changed, and whoever wants to know what is
there lists the folder.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from seglet.data.columns import shards
from seglet.data.columns.kinds import Value
from seglet.data.columns.recipe import Recipe, from_dict
from seglet.data.columns.shards import SHARD, Place
from seglet.data.errors import DataError
from seglet.files import TEMPORARY, delete, read_json, write_atomically, write_json

ABOUT = "column.json"
ABANDONED = 3600.0
"""Seconds after which a half-written file is nobody's: writing a shard takes a few."""


@dataclass(frozen=True)
class Contents:
    """Which values can be read, by address, and what is wrong with shards that cannot."""

    places: Mapping[str, Place]
    damaged: tuple[str, ...] = ()


class Store:
    """Values of one column by address, in `root`."""

    def __init__(self, root: Path, recipe: Recipe) -> None:
        self.root = root
        self.recipe = recipe
        self.folder = root / f"{recipe.name}-{recipe.key}"

    def shards(self) -> list[Path]:
        """Finished files; half-written ones have other names."""
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if SHARD.fullmatch(path.name))

    def contents(self) -> Contents:
        """What is there by the headers of the shards; the values are checked as they are read."""
        found: dict[str, Place] = {}
        damaged = []
        for path in self.shards():
            try:
                found |= shards.places(path, self.recipe.key)
            except DataError as error:
                damaged.append(str(error))
        return Contents(found, tuple(damaged))

    def begin(self) -> list[str]:
        """Makes the folder ready to be written and names the damaged shards that it removed, having read them all.

        Nothing is written where all is well, so that a complete column may lie in a read-only folder.

        Raises:
            DataError: the folder cannot be written.
        """
        try:
            if not self._is_described():
                write_json(self.folder / ABOUT, self.recipe.as_dict())
            removed = [path for path in self.shards() if not self._is_sound(path)]
            for path in [*removed, *abandoned(self.folder)]:
                delete(path)
        except OSError as error:
            raise DataError(
                f"cannot write columns in {str(self.root)!r} ({error.strerror}); free space, or choose another folder "
                "with --columns DIR"
            ) from error
        return [path.name for path in removed]

    def _is_described(self) -> bool:
        try:
            return from_dict(read_json(self.folder / ABOUT)) == self.recipe
        except (OSError, ValueError):
            return False

    def _is_sound(self, path: Path) -> bool:
        try:
            shards.places(path, self.recipe.key)
        except DataError:
            return False
        return shards.is_intact(path)

    def write(self, values: Mapping[str, Value]) -> None:
        """Adds a shard, durable when this returns.

        Raises:
            DataError: the disk is full or the folder cannot be written; earlier shards are untouched.
        """
        if values:
            content = shards.encode(values, self.recipe.key)
            write_atomically(self.folder / shards.name_of(content), content)

    def read(self, place: Place, address: str) -> Value:
        """
        Raises:
            DataError: the value is not what was written.
        """
        return shards.read(self.folder, place, address, self.recipe.kind == "text")

    def bytes(self) -> int:
        """On the disk."""
        return sum(path.stat().st_size for path in self.shards())


def stored(root: Path) -> Iterator[Store]:
    """Every column in `root` whose recipe can be read, by name."""
    for about in sorted(root.glob(f"*/{ABOUT}")):
        try:
            store = Store(root, from_dict(read_json(about)))
        except ValueError:
            continue
        if store.folder == about.parent:
            yield store


def abandoned(folder: Path) -> list[Path]:
    """What writes left behind that ended long ago; younger ones may be another process's."""
    found = []
    for path in folder.glob(f"{TEMPORARY}*"):
        try:
            if time.time() - path.stat().st_mtime > ABANDONED:
                found.append(path)
        except FileNotFoundError:
            continue
    return found
