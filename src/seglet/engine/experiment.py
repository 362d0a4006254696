"""One experiment: a method's config and the shared settings, with every value resolved and its origin kept."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from seglet import methods
from seglet.engine.experiment_file import WrittenKeys, read_experiment_file, with_current_names
from seglet.engine.settings import LAST, Selection, Settings
from seglet.files import expand_home
from seglet.values import ConfigError, build_config, check_known_keys

if TYPE_CHECKING:
    from seglet.methods.base import Method


@dataclass(frozen=True)
class Choice:
    """Keys that were chosen for the data and the machine, with their values and the one reason for them."""

    values: Mapping[str, Any]
    reason: str

    def text(self) -> str:
        """Returns the keys with their values, as they would be given on the command line, without the dashes."""
        return ", ".join(f"{key} {_option_text(value)}" for key, value in self.values.items())


@dataclass(frozen=True)
class Experiment:
    """A method with its config, the shared settings, and where each value comes from.

    `method` is the method's name, or the import path of its class. `origin` maps each key to `default`, the file, the
    row of a table (`FILE#ROW`), `command line` or `chosen`. `source` is the file, with its row, that the experiment was
    read from; None if it was only given by keys. `choices` has the keys that were chosen, and `chosen_for` the data.
    """

    method: str
    method_class: "type[Method[Any]]"
    settings: Settings
    config: Any
    origin: Mapping[str, str]
    source: str | None = None
    choices: tuple[Choice, ...] = ()
    chosen_for: str = ""

    def values(self) -> dict[str, Any]:
        """Returns every key with its resolved value, flat, as a YAML file holds it."""
        return _plain({"method": self.method, **asdict(self.settings), **asdict(self.config)})

    def default_values(self) -> dict[str, Any]:
        """Returns the defaults of all keys, which runs have that were started before a key existed."""
        kinds = (type(self.settings), type(self.config))
        return _plain({key.name: key.default for kind in kinds for key in fields(kind) if key.default is not MISSING})

    def choice_lines(self) -> list[str]:
        """Returns lines that say what was chosen, for what, and why; none if nothing was."""
        if not self.choices:
            return []
        lines = [f"  {choice.text()}: {choice.reason}" for choice in self.choices]
        return [f"chosen for {self.chosen_for} (each of these keys can be given):", *lines]

    def yaml(self) -> str:
        """Returns the experiment as flat YAML with every key."""
        return yaml.dump(self.values(), Dumper=_WithoutAliases, sort_keys=False, allow_unicode=True)


class _WithoutAliases(yaml.SafeDumper):
    """Writes a value that stands in two places twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _option_text(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Returns the values as YAML gives them back."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def resolve_experiment(
    source: str | Path | None, overrides: Mapping[str, Any], given_in: str = "the command line"
) -> Experiment:
    """Resolves an experiment: the defaults, over them the keys of a file and its row, over these `overrides`.

    Args:
        source: an experiment file, or `FILE#ROW` for a row of a table; None takes the defaults of the method.
        overrides: the keys of the command line; `method` may also be a class that derives from `Method`.
        given_in: what error messages call the place of the overrides.

    Raises:
        ConfigError: unreadable file, unknown key or row, wrong type; the message names it and the nearest right one.
    """
    written = read_experiment_file(source) if source else WrittenKeys({}, {})
    overrides = with_current_names(overrides, given_in)
    values = {key: _with_home(value) for key, value in {**written.values, **overrides}.items()}
    if "method" not in values:
        raise ConfigError(f"no 'method' in {source or given_in}; choose one of {', '.join(methods.method_names())}")
    given = values.pop("method")
    loaded = methods.load_method(given if isinstance(given, type) else str(given))
    keys = known_keys(loaded.Config)
    check_known_keys(written.values.keys() - {"method"}, keys, str(source))
    check_known_keys(overrides.keys() - {"method"}, keys, given_in)
    settings = build_config(Settings, _select(values, Settings))
    config: Any = build_config(loaded.Config, _select(values, loaded.Config))
    check_settings(settings)
    origin = {**dict.fromkeys(keys, "default"), **written.origin, **dict.fromkeys(overrides, "command line")}
    file = None if source is None else str(source)
    return Experiment(loaded.name, loaded.Method, settings, config, origin, file)


def _with_home(value: Any) -> Any:
    """Returns a value of a key with the user's home in place of the `~` that a path begins with."""
    if isinstance(value, list):
        return [_with_home(item) for item in value]
    return str(expand_home(value)) if isinstance(value, str) and value.startswith("~/") else value


def known_keys(config: type) -> list[str]:
    """Returns the keys of an experiment whose method has this config: the shared ones, then the method's.

    Raises:
        ConfigError: the method calls one of its keys like a shared one.
    """
    shared, own = ([f.name for f in fields(kind)] for kind in (Settings, config))
    if twice := [name for name in own if name in shared]:
        raise ConfigError(f"{config.__module__}.{config.__name__}: every experiment has a key {twice[0]!r}; rename it")
    return [*shared, *own]


def _select(values: Mapping[str, Any], kind: type) -> dict[str, Any]:
    names = {f.name for f in fields(kind)}
    return {key: value for key, value in values.items() if key in names}


def check_settings(settings: Settings) -> None:
    """Checks the shared settings before any training time is spent.

    Raises:
        ConfigError: a value is out of its range, or the batch cannot be divided among devices and micro-batches.
    """
    counts = ("steps", "batch", "accumulate", "devices", "validate_every", "val_batch", "checkpoint_every")
    for name in (*counts, "keep_checkpoints"):
        if getattr(settings, name) < 1:
            raise ConfigError(f"{name}: expected at least 1, got {getattr(settings, name)}")
    not_negative = ("workers", "warmup", "weight_decay", "cache", "colour_jitter", "seed", "learning_rate", "power")
    for name in (*not_negative, "patience"):
        if getattr(settings, name) < 0:
            raise ConfigError(f"{name}: expected 0 or more, got {getattr(settings, name)}")
    for name, most in _MOST.items():
        if max(_numbers(getattr(settings, name))) > most:
            raise ConfigError(f"{name}: expected at most {most}, got {getattr(settings, name)}")
    for name in ("flip", "momentum", "dark_share", "copy_paste"):
        if not 0 <= getattr(settings, name) <= 1:
            raise ConfigError(f"{name}: expected 0 to 1, got {getattr(settings, name)}")
    if not 0 <= settings.dark_stops[0] <= settings.dark_stops[1]:
        raise ConfigError(f"dark_stops: expected 0 <= low <= high, got {settings.dark_stops}")
    _check_augmentation(settings)
    _check_fine_tuning(settings)
    if settings.clip is not None and settings.clip <= 0:
        raise ConfigError(f"clip: expected above 0, or none to clip nothing, got {settings.clip}")
    if min(settings.crop) < 1:
        raise ConfigError(f"crop: expected positive height and width, got {settings.crop}")
    if not 0 < settings.scale[0] <= settings.scale[1]:
        raise ConfigError(f"scale: expected 0 < low <= high, got {settings.scale}")
    if not 0 < settings.resize <= 1:
        raise ConfigError(f"resize: expected above 0 and at most 1, got {settings.resize}")
    if settings.batch % (settings.devices * settings.accumulate):
        raise ConfigError(
            f"batch {settings.batch} cannot be shared by {settings.devices} devices × "
            f"{settings.accumulate} micro-batches; "
            f"choose a multiple of {settings.devices * settings.accumulate}"
        )


_MOST = {
    "steps": 10**9, "batch": 65536, "accumulate": 65536, "devices": 65536, "workers": 256, "seed": 2**63 - 1,
    "world_scenes": 10**7, "world_size": 4096, "crop": 16384, "scale": 64, "cache": 10**6, "val_batch": 65536,
    "learning_rate": 10**4, "colour_jitter": 1, "dark_stops": 64,
}  # fmt: skip
"""Largest values of keys: beyond them no machine could train, or a number of the machine's own would overflow."""


def _numbers(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _check_augmentation(settings: Settings) -> None:
    if settings.augment:
        from seglet.data.augment.terms import parse_augment

        parse_augment(settings.augment)
    if settings.copy_paste and settings.dark != "none":
        raise ConfigError("copy_paste: expected 0 with dark views, or light objects would lie in dark scenes")


def _check_fine_tuning(settings: Settings) -> None:
    if not 0 < settings.layer_decay <= 1:
        raise ConfigError(f"layer_decay: expected above 0 and at most 1, got {settings.layer_decay}")
    Selection.parse(settings.selection)
    try:
        settings.validation_options()
    except ValueError as error:
        raise ConfigError(f"val_window, val_stride: {error}") from error
    if settings.patience and settings.selection == LAST:
        raise ConfigError(
            "patience: the last model is always the newest, so training would never stop; choose a score as selection"
        )
