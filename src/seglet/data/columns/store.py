"""Stores: the folder of one column, with its recipe and its shards.

NAME-KEY/column.json              the recipe
NAME-KEY/HASH.safetensors         values of some images (`shards`)

No lock is needed: a shard is created complete and never changed, and its presence is found by listing the folder.
"""

import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from seglet.data.columns import shards
from seglet.data.columns.kinds import ColumnValue
from seglet.data.columns.recipe import ColumnRecipe, recipe_from_dict
from seglet.data.columns.shards import SHARD_NAME, ValueLocation
from seglet.data.errors import DataError
from seglet.files import (
    SEAL,
    TEMPORARY,
    check_seal,
    delete_path,
    read_json,
    sealed,
    write_atomically,
    write_json,
)

_RECIPE_FILE = "column.json"
_ABANDONED_AFTER = 3600.0
"""Age in seconds at which a temporary file counts as abandoned; writing a shard takes a few seconds."""


@dataclass(frozen=True)
class ColumnContents:
    """Locations of the readable values by address, and one message per damaged shard."""

    locations: Mapping[str, ValueLocation]
    damaged: tuple[str, ...] = ()


class ColumnStore:
    """Values of one column by address, in `root`."""

    def __init__(self, root: Path, recipe: ColumnRecipe) -> None:
        self.root = root
        self.recipe = recipe
        self.folder = root / f"{recipe.name}-{recipe.key}"

    def shards(self) -> list[Path]:
        """Returns the finished shards, by name; temporary files have other names."""
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if SHARD_NAME.fullmatch(path.name))

    def contents(self) -> ColumnContents:
        """Returns what the headers of the shards list; values are only checked when they are read."""
        found: dict[str, ValueLocation] = {}
        damaged = []
        for path in self.shards():
            try:
                found |= shards.shard_locations(path, self.recipe.key)
            except DataError as error:
                damaged.append(str(error))
        return ColumnContents(found, tuple(damaged))

    def begin(self) -> list[str]:
        """Prepares the folder for writing: reads all shards, deletes damaged ones and returns their names.

        Nothing is written if everything is in order, so that a complete column may lie in a read-only folder.

        Raises:
            DataError: the folder cannot be written.
        """
        try:
            if not self.is_described():
                write_json(self.folder / _RECIPE_FILE, sealed(self.recipe.as_dict()))
            removed = [path for path in self.shards() if not self._is_sound(path)]
            for path in [*removed, *abandoned_files(self.folder)]:
                delete_path(path)
        except OSError as error:
            raise DataError(
                f"cannot write columns in {str(self.root)!r} ({error.strerror}); free space, or choose another folder "
                "with the experiment's key `columns`"
            ) from error
        return [path.name for path in removed]

    def is_described(self) -> bool:
        try:
            return _read_recipe(self.folder / _RECIPE_FILE) == self.recipe
        except (OSError, ValueError):
            return False

    def _is_sound(self, path: Path) -> bool:
        try:
            shards.shard_locations(path, self.recipe.key)
        except DataError:
            return False
        return shards.is_shard_intact(path)

    def write(self, values: Mapping[str, ColumnValue]) -> None:
        """Writes the values as one more shard, which is durable when this returns.

        Raises:
            DataError: the disk is full or the folder cannot be written; earlier shards are untouched.
        """
        if values:
            content = shards.encode_shard(values, self.recipe.key)
            write_atomically(self.folder / shards.shard_name(content), content)

    def read(self, location: ValueLocation, address: str) -> ColumnValue:
        """Reads a value; text is decoded.

        Raises:
            DataError: the value is not the one that was written.
        """
        return shards.read_value(self.folder, location, address, self.recipe.kind == "text")

    def bytes(self) -> int:
        """Returns the size of the shards on disk in bytes."""
        return sum(path.stat().st_size for path in self.shards())


def find_column(root: Path, recipe: ColumnRecipe) -> ColumnStore:
    """Returns the store of a recipe in `root`: a new one unless it is there.

    A column that is there counts as it if it differs only in that one of the two names no commit of its model, as those
    of older versions, and as where the model itself is missing; unless there are several.
    """
    store = ColumnStore(root, recipe)
    if store.folder.is_dir():
        if (store.folder / _RECIPE_FILE).is_file() and not store.is_described():
            warnings.warn(
                f"{store.folder / _RECIPE_FILE} is damaged; the values are not, and `seglet prepare` writes it anew",
                stacklevel=2,
            )
        return store
    allowed = [other for other in stored_columns(root) if recipe.allows(other.recipe)]
    return allowed[0] if len(allowed) == 1 else store


def _read_recipe(file: Path) -> ColumnRecipe:
    """Reads the recipe of a column.

    Raises:
        ValueError: it is damaged, or none.
    """
    content = read_json(file)
    if isinstance(content, dict):
        check_seal(content, file)
        content.pop(SEAL, None)
    return recipe_from_dict(content)


def stored_columns(root: Path) -> Iterator[ColumnStore]:
    """Yields every column in `root` whose recipe can be read, by name."""
    for about in sorted(root.glob(f"*/{_RECIPE_FILE}")):
        try:
            store = ColumnStore(root, _read_recipe(about))
        except ValueError:
            continue
        if store.folder == about.parent:
            yield store


def abandoned_files(folder: Path) -> list[Path]:
    """Returns temporary files that are old enough to be left over; younger ones may belong to another process."""
    found = []
    for path in folder.glob(f"{TEMPORARY}*"):
        try:
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER:
                found.append(path)
        except FileNotFoundError:
            continue
    return found
