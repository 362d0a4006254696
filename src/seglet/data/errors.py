"""Problems of data on disk: raised one at a time as `DataError`, or listed all at once."""

from dataclasses import dataclass
from typing import Literal

from seglet.files import DataError

__all__ = ["DataError", "Problem"]


@dataclass(frozen=True)
class Problem:
    """One finding of a check. Errors would break or spoil training; warnings may be intended."""

    file: str
    what: str
    cure: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.file!r}: {self.what}; {self.cure}"
