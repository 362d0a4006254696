"""Metrics of a run: one JSON object per line in `metrics.jsonl`, and a copy for the trackers."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ScalarWriter = Callable[[int, Mapping[str, float]], None]
"""Takes a step and its values by name."""


class MetricsFile:
    """Appends one JSON object per line, null for NaN and infinity, flushed at once; writes nothing if not `active`.

    The `copies` are called with the same values.
    """

    def __init__(self, path: Path, active: bool, copies: Sequence[ScalarWriter] = ()) -> None:
        self.path = path
        self.active = active
        self.copies = copies

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Writes the values of a step."""
        if not self.active:
            return
        known = {name: value if math.isfinite(value) else None for name, value in values.items()}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **known}) + "\n")
        for copy in self.copies:
            copy(step, values)


def with_prefix(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    """Returns the values under `prefix/name`."""
    return {f"{prefix}/{name}": value for name, value in values.items()}
