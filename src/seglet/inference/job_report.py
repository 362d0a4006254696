"""The outcome of a job on many files: its record as JSON, and the lines that say it to people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, repr=False)
class JobReport:
    """Results of a job in the folder `out`: the `record` that lies there as JSON, and a summary in `lines`."""

    out: Path
    record: Mapping[str, Any]
    lines: Sequence[str]

    @property
    def failed(self) -> Sequence[Mapping[str, str]]:
        """Files of which nothing was made, each with the `reason`."""
        failed: Sequence[Mapping[str, str]] = self.record.get("failed", ())
        return failed

    @property
    def text(self) -> str:
        """The summary as one text."""
        return "\n".join(self.lines)

    def __repr__(self) -> str:
        return self.text
