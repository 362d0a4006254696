"""Metrics of a run: one JSON object per line in `metrics.jsonl`, and a copy for TensorBoard if that is asked for."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seglet.values import ConfigError

ScalarWriter = Callable[[int, Mapping[str, float]], None]
"""Takes a step and its values by name."""


class MetricsFile:
    """Appends one JSON object per line, null for NaN and infinity, flushed at once; writes nothing if not `active`.

    `copy` is called with the same values.
    """

    def __init__(self, path: Path, active: bool, copy: ScalarWriter | None = None) -> None:
        self.path = path
        self.active = active
        self.copy = copy

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Writes the values of a step."""
        if not self.active:
            return
        known = {name: value if math.isfinite(value) else None for name, value in values.items()}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **known}) + "\n")
        if self.copy is not None:
            self.copy(step, values)


def with_prefix(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    """Returns the values under `prefix/name`."""
    return {f"{prefix}/{name}": value for name, value in values.items()}


def summary_writer() -> Any:
    """Returns TensorBoard's writer class.

    Raises:
        ConfigError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(
            "tensorboard: it is not installed; run `pip install seglet[log]`, or leave the key false: "
            "the same numbers are in metrics.jsonl"
        ) from error
    return SummaryWriter


@contextmanager
def tensorboard_events(folder: Path, active: bool) -> Iterator[ScalarWriter | None]:
    """Gives a function that writes values as TensorBoard scalars into `folder`; None if not `active`."""
    if not active:
        yield None
        return
    writer = summary_writer()(str(folder))

    def write_scalars(step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)

    try:
        yield write_scalars
    finally:
        writer.close()
