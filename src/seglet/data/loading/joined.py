"""Several data sets one after the other."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, chain

from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError


class Joined(Dataset):
    """The samples of all parts in order; a sample may be in several.

    Raises:
        DataError: there is no part, or their classes differ.
    """

    def __init__(self, parts: Sequence[Dataset]) -> None:
        if not parts or any(part.classes != parts[0].classes for part in parts):
            raise DataError("expected data sets with the same classes; take them from one")
        self.parts = tuple(parts)
        self.classes = parts[0].classes
        self.ids = tuple(chain.from_iterable(part.ids for part in parts))
        self.fingerprint = "+".join(part.fingerprint for part in parts)
        self._ends = list(accumulate(map(len, parts)))

    def read(self, index: int) -> Sample:
        part, place = self._find(index)
        return part.read(place)

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        part, place = self._find(index)
        return part.identity(place, reads)

    def _find(self, index: int) -> tuple[Dataset, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        number = bisect_right(self._ends, index)
        return self.parts[number], index - (self._ends[number - 1] if number else 0)
