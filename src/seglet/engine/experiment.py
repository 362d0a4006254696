"""One experiment, fully spelled: a method's config and the shared settings, from one flat, strict YAML file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from seglet import methods
from seglet.engine.console import tell
from seglet.engine.settings import Settings
from seglet.values import ConfigError, build, refuse_unknown


@dataclass(frozen=True)
class Experiment:
    """What is to be trained and how; `origin` says for each key where its value came from."""

    method: str
    settings: Settings
    config: Any
    origin: Mapping[str, str]

    def values(self) -> dict[str, Any]:
        """Every key with its resolved value, flat, as the YAML holds it."""
        flat = {"method": self.method, **asdict(self.settings), **asdict(self.config)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in flat.items()}

    def yaml(self) -> str:
        return yaml.safe_dump(self.values(), sort_keys=False, allow_unicode=True)


def resolve(file: Path | None, overrides: Mapping[str, Any]) -> Experiment:
    """The experiment a file describes, with `overrides` (the command line) laid over it.

    Raises:
        ConfigError: unreadable file, unknown key, wrong type; the message names the key and the nearest right one.
    """
    written = read_yaml(file) if file else {}
    overrides = with_current_names(overrides, "the command line")
    values = {**written, **overrides}
    if "method" not in values:
        raise ConfigError(
            f"no 'method' in {file or 'the command line'}; choose one of {', '.join(methods.available())}"
        )
    package = methods.load(str(values.pop("method")))
    keys = known_keys(package.Config)
    refuse_unknown(written.keys() - {"method"}, keys, str(file))
    refuse_unknown(overrides.keys() - {"method"}, keys, "the command line")
    settings = build(Settings, _chosen(values, Settings))
    config = build(package.Config, _chosen(values, package.Config))
    validate(settings)
    origin = (
        dict.fromkeys(keys, "default") | dict.fromkeys(written, str(file)) | dict.fromkeys(overrides, "command line")
    )
    return Experiment(package.__name__.rpartition(".")[2], settings, config, origin)


RENAMED_KEYS = {"cache_pictures": "cache_images"}
"""Old spellings of keys, which are still read, with a warning."""


def with_current_names(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Replaces old spellings of keys by today's, with a warning on stderr for each.

    Raises:
        ConfigError: a key is given under both names.
    """
    for old, new in RENAMED_KEYS.items():
        if old in values and new in values:
            raise ConfigError(f"{where} gives {new} twice, once as {old}; keep one")
        if old in values:
            tell(f"warning: {old} in {where} is now {new}; the old spelling goes with the next release")
    return {RENAMED_KEYS.get(key, key): value for key, value in values.items()}


def known_keys(config: type) -> list[str]:
    return [f.name for kind in (Settings, config) for f in fields(kind)]


def _chosen(values: Mapping[str, Any], kind: type) -> dict[str, Any]:
    names = {f.name for f in fields(kind)}
    return {key: value for key, value in values.items() if key in names}


def read_yaml(file: Path) -> dict[str, Any]:
    """A flat mapping; nothing in the file can run (safe YAML)."""
    try:
        text = file.read_text(encoding="utf-8")
        content, twice = yaml.safe_load(text), _repeated(text)
    except OSError as error:
        raise ConfigError(f"cannot read the experiment {file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not plain YAML: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"{file} must be a flat list of `key: value` lines")
    if twice:
        raise ConfigError(f"{file} gives {', '.join(twice)} more than once; keep one line of each")
    return with_current_names(content, str(file))


def _repeated(text: str) -> list[str]:
    """Keys that occur more than once, of which YAML would silently take the last."""
    node = yaml.compose(text, yaml.SafeLoader)
    keys = [key.value for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    return sorted({key for key in keys if isinstance(key, str) and keys.count(key) > 1})


def validate(settings: Settings) -> None:
    """Whatever would fail or mislead later, refused before any training time is spent."""
    for name in ("steps", "batch", "accumulate", "devices", "validate_every", "checkpoint_every", "keep_checkpoints"):
        if getattr(settings, name) < 1:
            raise ConfigError(f"{name}: expected at least 1, got {getattr(settings, name)}")
    for name in ("workers", "warmup", "weight_decay", "cache", "colour_jitter", "seed", "learning_rate", "power"):
        if getattr(settings, name) < 0:
            raise ConfigError(f"{name}: expected 0 or more, got {getattr(settings, name)}")
    for name in ("flip", "momentum", "dark_share"):
        if not 0 <= getattr(settings, name) <= 1:
            raise ConfigError(f"{name}: expected 0 to 1, got {getattr(settings, name)}")
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
