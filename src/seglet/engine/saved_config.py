"""Experiment files written from an experiment: what was given, and what was chosen with the reasons as comments."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from seglet import files
from seglet.engine.experiment import Experiment
from seglet.values import ConfigError


def save_config(file: Path, experiment: Experiment) -> None:
    """Writes an experiment file that resolves to the same values; an equal one that is there already is left.

    Raises:
        ConfigError: the file is there with another content, is not called .yaml, or cannot be written.
    """
    if file.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"an experiment is a YAML file, but {str(file)!r} does not end in .yaml; rename it")
    text = config_text(experiment, file)
    try:
        if file.exists():
            if file.read_text(encoding="utf-8") != text:
                raise ConfigError(f"{file} is there already and differs; give another name to --save-config")
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(file, text)
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}; give another name to --save-config") from error


def config_text(experiment: Experiment, file: Path) -> str:
    """Returns the experiment file: the keys that differ from the defaults or were given, then each group of choices."""
    values, chosen = experiment.values(), {key for choice in experiment.choices for key in choice.values}
    given = {key: value for key, value in values.items() if _is_given(experiment, key) and key not in chosen}
    about = f"Chosen for {experiment.chosen_for}." if experiment.choices else f"Keys given for {experiment.method}."
    parts = [f"# {about}\n#   seglet train {file}\n{_lines({'method': experiment.method, **given})}"]
    parts += [
        f"# {choice.reason}\n{_lines({key: values[key] for key in choice.values})}" for choice in experiment.choices
    ]
    return "\n".join(parts)


def _is_given(experiment: Experiment, key: str) -> bool:
    return experiment.origin.get(key, "default") != "default"


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{key}: {_flow(value)}\n" for key, value in values.items())


def _flow(value: Any) -> str:
    """Returns a value as it stands behind its key, lists in brackets."""
    return yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10_000).strip()[1:-1]
