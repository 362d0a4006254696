"""What is wrong with data on disk: raised one at a time, or listed all at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from seglet.files import DataError

__all__ = ["DataError", "Problem", "choices"]


@dataclass(frozen=True)
class Problem:
    """One finding of a check. Errors would break or spoil training; warnings may be meant."""

    file: str
    what: str
    cure: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.file!r}: {self.what}; {self.cure}"


def choices(wrong: str, right: Iterable[str]) -> str:
    """The end of a message about a wrong name: the nearest right one if any is near, and all of them."""
    names = list(right)
    near = get_close_matches(wrong, names, n=1)
    suggestion = f"did you mean {near[0]!r}? " if near else ""
    return f"{suggestion}choose from {', '.join(names)}" if names else "there is none"
