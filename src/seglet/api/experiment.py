"""From the arguments of a public function to an experiment, as the command line resolves it."""

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from torch import nn

from seglet.engine.experiment import Experiment, resolve_experiment
from seglet.engine.experiment_file import names_experiment_file
from seglet.methods.base import Method
from seglet.values import ConfigError

MethodLike = str | PathLike[str] | type[Method[Any]]
"""A method: its name, the path of an experiment (YAML, with `#ROW` for a row of a table), or its class."""


_GIVEN_IN = "the keywords"
"""Place of the keys in error messages."""


def resolve(method: MethodLike, keys: Mapping[str, Any], choose: bool = False) -> Experiment:
    """Returns the experiment of a method or of a file, with the keys over it.

    With `choose`, those that are not given are chosen for the data, where `method` is a name.

    Raises:
        ConfigError: no such method, file or key, or a value of another type; the message names the nearest right one.
    """
    plain = {key: _plain(key, value) for key, value in keys.items()}
    if isinstance(method, type):
        return resolve_experiment(None, {"method": method, **plain}, _GIVEN_IN)
    name = fspath(method)
    if names_experiment_file(name) or Path(name).is_file():
        return resolve_experiment(name, plain, _GIVEN_IN)
    if choose:
        from seglet.engine.choose import choose_experiment

        return choose_experiment({"method": name, **plain}, _GIVEN_IN)
    return resolve_experiment(None, {"method": name, **plain}, _GIVEN_IN)


def _plain(key: str, value: Any) -> Any:
    """Returns a value as an experiment file has it: a path, or a run, as text."""
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, nn.Module):
        raise ConfigError(f"{key}: an experiment names files; save the model, and give its folder")
    if value is not None and not isinstance(value, str | bool | int | float | list | tuple):
        raise ConfigError(f"{key}: expected text, numbers or a path, got {type(value).__name__}")
    return list(value) if isinstance(value, tuple) else value
