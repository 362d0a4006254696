"""The offline columns that an experiment needs: their folder, what is missing, and data sets that read them."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from seglet.data.columns.columned_dataset import ColumnedDataset
from seglet.data.columns.producer import ColumnProducer
from seglet.data.columns.recipe import column_recipes
from seglet.data.columns.store import ColumnStore, find_column, stored_columns
from seglet.data.dataset import Dataset
from seglet.data.files import cache_folder_for
from seglet.data.opening import names_of_several, names_world
from seglet.engine.datasets import training_data, validation_data
from seglet.engine.experiment import Experiment
from seglet.engine.settings import Settings
from seglet.files import content_hash, user_cache_folder
from seglet.methods.protocols import ValidationColumns
from seglet.stores import is_url
from seglet.types import Classes
from seglet.values import ConfigError

_FOLDER = "columns"
_DECIDING_KEYS = ("data", "train_split", "val_split", "world_scenes", "world_size", "resize", "columns")
"""Shared keys that decide which columns are made; `seglet prepare` needs the same values as `seglet train`."""


@dataclass(frozen=True)
class OfflineColumn:
    """A column's producer and its store; `wanted` if the method reads it, and not only another producer."""

    producer: ColumnProducer
    store: ColumnStore
    wanted: bool

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.store.recipe.name


def needed_columns(experiment: Experiment, classes: Classes, fetch: bool = False) -> list[OfflineColumn]:
    """Returns every column that the method needs, sources before the columns made from them.

    With `fetch`, the models that they are made with are downloaded first, so that their commits are known.

    Raises:
        ValueError: the method makes a column that nothing reads: a name differs in `producers` and `columns`.
    """
    method = experiment.method_class
    makers = tuple(method.producers(experiment.config, classes))
    read = {*method.columns, *(name for maker in makers for name in maker.sources)}
    for maker in makers:
        if maker.name not in read:
            raise ValueError(f"nothing reads column {maker.name!r} of {experiment.method}; name it in Method.columns")
    for maker in makers if fetch else ():
        maker.fetch()
    root = columns_folder(experiment.settings)
    made = zip(makers, column_recipes(makers).values(), strict=True)
    return [OfflineColumn(maker, find_column(root, recipe), maker.name in method.columns) for maker, recipe in made]


def columns_folder(settings: Settings) -> Path:
    """Returns the folder of the columns: that of the key `columns`, or else one beside the data."""
    if settings.columns is not None:
        return Path(settings.columns)
    if names_world(settings.data):
        return user_cache_folder() / "world" / _FOLDER
    if is_url(name := names_of_several(settings.data)[0]):
        return user_cache_folder() / "data" / content_hash(name.encode()) / _FOLDER
    path = Path(name)
    return cache_folder_for(path.parent if path.is_file() else path) / _FOLDER


def needed_validation_columns(experiment: Experiment, classes: Classes) -> list[OfflineColumn]:
    """Returns the columns that validation images need too, sources first."""
    names = _validation_names(experiment)
    found = needed_columns(experiment, classes)
    needed = {name for column in found if column.name in names for name in (column.name, *column.producer.sources)}
    return [column for column in found if column.name in needed]


def _validation_names(experiment: Experiment) -> Sequence[str]:
    method = experiment.method_class
    return method.validation_columns(experiment.config) if isinstance(method, ValidationColumns) else ()


def datasets_with_columns(experiment: Experiment, fetch: bool = False) -> list[tuple[Dataset, list[OfflineColumn]]]:
    """Returns the data sets of training, and of validation if that needs some, each with its columns.

    `fetch` is that of `needed_columns`.
    """
    settings, config = experiment.settings, experiment.config
    learnt = training_data(settings, config)
    found = [(learnt, needed_columns(experiment, learnt.classes, fetch))]
    if scored := needed_validation_columns(experiment, learnt.classes):
        found.append((validation_data(settings, config), scored))
    return found


def with_validation_columns(experiment: Experiment, data: Dataset) -> Dataset:
    """Returns the validation data with the columns they need; unchanged if they need none. See `with_columns`."""
    names = _validation_names(experiment)
    wanted = [column.store for column in needed_validation_columns(experiment, data.classes) if column.name in names]
    return _complete(experiment, data, wanted)


def with_columns(experiment: Experiment, data: Dataset) -> Dataset:
    """Returns the training data, unlabelled images too, with the columns of the method; unchanged if it reads none.

    Raises:
        ConfigError: a column is missing or incomplete; says how those that are there were made, and the command.
    """
    wanted = [column.store for column in needed_columns(experiment, data.classes) if column.wanted]
    return _complete(experiment, data, wanted)


def _complete(experiment: Experiment, data: Dataset, wanted: list[ColumnStore]) -> Dataset:
    if not wanted:
        return data
    parts: list[ColumnedDataset] = []

    def add_columns(part: Dataset) -> Dataset:
        parts.append(ColumnedDataset(part, wanted))
        return parts[-1]

    complete = data.map_parts(add_columns)
    lacking = Counter[str]()
    for part in parts:
        lacking.update(part.missing())
    if lacking:
        images = sum(map(len, parts))
        lines = [
            describe_missing(store, lacking[store.recipe.name], images)
            for store in wanted
            if lacking[store.recipe.name]
        ]
        raise ConfigError("\n  ".join([*lines, f"make what is missing with: {prepare_command(experiment)}"]))
    return complete


def describe_missing(store: ColumnStore, missing: int, images: int) -> str:
    """Describes an incomplete column: images and files that are missing or damaged, or how it was made otherwise."""
    text = f"column {store.recipe.name!r} lacks {missing} of {images} images in {str(store.root)!r}"
    damaged = store.contents().damaged
    if damaged:
        text += f"; {len(damaged)} of its files are damaged"
    if store.shards():
        return text
    others = [
        f"; one is there, but {', '.join(store.recipe.differences(old.recipe))}"
        for old in columns_made_otherwise(store)
    ]
    return text + "".join(others)


def columns_made_otherwise(store: ColumnStore) -> list[ColumnStore]:
    """Lists columns of the same name that were made in other ways."""
    return [
        other
        for other in stored_columns(store.root)
        if other.recipe.name == store.recipe.name and other.recipe.key != store.recipe.key
    ]


def prepare_command(experiment: Experiment) -> str:
    """Returns the command that prepares the columns of an experiment."""
    keys = [*_DECIDING_KEYS, *(f.name for f in fields(experiment.config))]
    given = [key for key in keys if experiment.origin.get(key) == "command line"]
    words = [word for key in given for word in (f"--{key}", *_words(experiment.values()[key]))]
    return shlex.join(["seglet", "prepare", experiment.source or experiment.method, *words])


def _words(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value]
    return ["none" if value is None else str(value)]
