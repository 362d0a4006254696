"""TensorBoard's copy of the metrics, for those who ask for it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seglet.values import ConfigError

ScalarWriter = Callable[[int, Mapping[str, float]], None]


def summary_writer() -> Any:
    """
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
    """Writes each metric as a scalar of its step into `folder`; None if not `active`."""
    if not active:
        yield None
        return
    writer = summary_writer()(str(folder))

    def mirror(step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)

    try:
        yield mirror
    finally:
        writer.close()
