"""A data set whose samples come with their columns."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from seglet.data.columns.kinds import ColumnValue
from seglet.data.columns.shards import ValueLocation
from seglet.data.columns.store import ColumnStore
from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.files import content_hash


class ColumnedDataset(Dataset):
    """The samples of `dataset` with the columns in `stores` as they are now.

    The fingerprint is another one as soon as a value is. A value that is not there is a DataError when it is read.
    """

    def __init__(self, dataset: Dataset, stores: Sequence[ColumnStore]) -> None:
        self.dataset = dataset
        self.stores = stores
        self.classes = dataset.classes
        self.ids = dataset.ids
        self._places = [store.contents().places for store in stores]
        self.fingerprint = dataset.fingerprint
        if stores:
            parts = [self._content(store, places) for store, places in zip(stores, self._places, strict=True)]
            self.fingerprint = content_hash("\n".join([dataset.fingerprint, *parts]).encode())

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        return self.dataset.identity(index, reads)

    def read(self, index: int) -> Sample:
        sample = self.dataset.read(index)
        columns, texts, kinds = dict(sample.columns), dict(sample.texts), dict(sample.kinds)
        for store, places in zip(self.stores, self._places, strict=True):
            value = self._value(store, places, index)
            if isinstance(value, np.ndarray):
                columns[store.recipe.name] = value
                kinds[store.recipe.name] = store.recipe.kind
            else:
                texts[store.recipe.name] = value
        return replace(sample, columns=columns, texts=texts, kinds=kinds)

    def texts(self, index: int) -> dict[str, tuple[str, ...]]:
        """The columns of text of a sample, without reading its image.

        Raises:
            DataError: a value is not there or damaged.
        """
        pairs = zip(self.stores, self._places, strict=True)
        values = {store.recipe.name: self._value(store, places, index) for store, places in pairs}
        return {name: value for name, value in values.items() if not isinstance(value, np.ndarray)}

    def missing(self) -> dict[str, int]:
        """How many images lack each column, for those that are not complete."""
        lacking = {
            store.recipe.name: sum(value_address(self, index, store) not in places for index in range(len(self)))
            for store, places in zip(self.stores, self._places, strict=True)
        }
        return {name: count for name, count in lacking.items() if count}

    def _value(self, store: ColumnStore, places: Mapping[str, ValueLocation], index: int) -> ColumnValue:
        where = value_address(self, index, store)
        if where not in places:
            raise DataError(f"sample {self.ids[index]!r} has no column {store.recipe.name!r}; run `seglet prepare`")
        return store.read(places[where], where)

    def _content(self, store: ColumnStore, places: Mapping[str, ValueLocation]) -> str:
        digest = hashlib.sha256(store.recipe.key.encode())
        for index in range(len(self)):
            place = places.get(value_address(self, index, store))
            digest.update(f"{None if place is None else place.check} ".encode())
        return digest.hexdigest()


def value_address(data: Dataset, index: int, store: ColumnStore) -> str:
    """Under which name a column holds the value of a sample: a hash of all that the value depends on."""
    return content_hash(data.identity(index, store.recipe.reads).encode())
