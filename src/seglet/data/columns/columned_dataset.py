"""A data set whose samples come with their offline columns."""

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
from seglet.images import WhiteLevels
from seglet.images.value_range import Channel


class ColumnedDataset(Dataset):
    """The samples of `dataset` with the columns that `stores` hold at the time of construction.

    The fingerprint covers every stored value. Reading a sample whose value is missing is a DataError.
    """

    def __init__(self, dataset: Dataset, stores: Sequence[ColumnStore]) -> None:
        self.dataset = dataset
        self.stores = stores
        self.classes = dataset.classes
        self.ids = dataset.ids
        self._locations = [store.contents().locations for store in stores]
        self.fingerprint = dataset.fingerprint
        if stores:
            parts = [self._content(store, stored) for store, stored in zip(stores, self._locations, strict=True)]
            self.fingerprint = content_hash("\n".join([dataset.fingerprint, *parts]).encode())

    @property
    def origin(self) -> str:
        """Source of the data set without columns."""
        return self.dataset.origin

    @property
    def whites(self) -> WhiteLevels | None:
        """White levels of the data set without columns."""
        return self.dataset.whites

    @property
    def channels(self) -> tuple[Channel, ...] | None:
        """Channels of the data set without columns."""
        return self.dataset.channels

    @property
    def groups(self) -> tuple[int, ...]:
        """Groups of the data set."""
        return self.dataset.groups

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Returns the identity in the data set without columns."""
        return self.dataset.identity(index, reads)

    def image_keys(self) -> Sequence[str]:
        """Returns the keys of the data set without columns."""
        return self.dataset.image_keys()

    def read(self, index: int) -> Sample:
        """Reads the sample and its columns."""
        sample = self.dataset.read(index)
        columns, texts, kinds = dict(sample.columns), dict(sample.texts), dict(sample.kinds)
        for store, stored in zip(self.stores, self._locations, strict=True):
            value = self._value(store, stored, index)
            if isinstance(value, np.ndarray):
                columns[store.recipe.name] = value
                kinds[store.recipe.name] = store.recipe.kind
            else:
                texts[store.recipe.name] = value
        return replace(sample, columns=columns, texts=texts, kinds=kinds)

    def texts(self, index: int) -> dict[str, tuple[str, ...]]:
        """Returns the columns of text of a sample, without reading its image.

        Raises:
            DataError: a value is missing or damaged.
        """
        pairs = zip(self.stores, self._locations, strict=True)
        values = {store.recipe.name: self._value(store, stored, index) for store, stored in pairs}
        return {name: value for name, value in values.items() if not isinstance(value, np.ndarray)}

    def missing(self) -> dict[str, int]:
        """Returns the number of images without a value for each column that is not complete."""
        lacking = {
            store.recipe.name: sum(value_address(self, index, store) not in stored for index in range(len(self)))
            for store, stored in zip(self.stores, self._locations, strict=True)
        }
        return {name: count for name, count in lacking.items() if count}

    def _value(self, store: ColumnStore, stored: Mapping[str, ValueLocation], index: int) -> ColumnValue:
        address = value_address(self, index, store)
        if address not in stored:
            raise DataError(f"sample {self.ids[index]!r} has no column {store.recipe.name!r}; run `seglet prepare`")
        return store.read(stored[address], address)

    def _content(self, store: ColumnStore, stored: Mapping[str, ValueLocation]) -> str:
        digest = hashlib.sha256(store.recipe.key.encode())
        for index in range(len(self)):
            location = stored.get(value_address(self, index, store))
            digest.update(f"{None if location is None else location.check} ".encode())
        return digest.hexdigest()


def value_address(data: Dataset, index: int, store: ColumnStore) -> str:
    """Returns the address under which a column stores the value of a sample: a hash of all that decides the value."""
    return content_hash(data.identity(index, store.recipe.reads).encode())
