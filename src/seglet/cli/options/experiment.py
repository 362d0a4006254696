"""Experiment of a command: a file, one of its rows or a method's name, and keys given as options."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seglet.engine.experiment import Experiment


def read_experiment(
    source: str | None, words: Sequence[str], resumed: Path | None = None, choose: bool = False
) -> "Experiment":
    """Returns the experiment that a command names, with the keys among its words.

    Args:
        source: experiment file, FILE#ROW or a method's name; None for that of the run to resume.
        words: options and their values, such as `--crop 64 64`.
        resumed: folder of the run to resume.
        choose: whether keys that are not given are chosen for the data where there is no file; a run that is resumed
            keeps those of its beginning.

    Raises:
        ValueError: there is no such experiment, or a key or value is wrong.
    """
    from seglet.engine.experiment import resolve_experiment

    file, method = locate_experiment(source, resumed)
    keys = {**({"method": method} if method else {}), **parse_keys(words)}
    if file is not None or not choose:
        return resolve_experiment(file, keys)
    from seglet.engine.choose import choose_experiment, earlier_choices

    return (
        choose_experiment(keys) if resumed is None else resolve_experiment(None, {**earlier_choices(resumed), **keys})
    )


def locate_experiment(source: str | None, resumed: Path | None = None) -> tuple[Path | None, str | None]:
    """Returns the experiment's file, with its row behind `#` if one is named, or the name of a method.

    Raises:
        ValueError: neither a source nor a run to resume is given.
    """
    from seglet.engine.experiment_file import names_experiment_file

    if source is None:
        if resumed is not None:
            return resumed / "experiment.yaml", None
        raise ValueError("which experiment? give a YAML file or a method's name, or --resume with --out RUN")
    if names_experiment_file(source) or Path(source).exists():
        return Path(source), None
    return None, source


def parse_keys(words: Sequence[str]) -> dict[str, Any]:
    """Reads keys of an experiment: `--key value`, `--key=value`, `--crop 64 64`; a key without a value means true.

    Raises:
        ValueError: a word belongs to no key.
    """
    keys: dict[str, list[str]] = {}
    key = None
    for word in words:
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            key = name.replace("-", "_")
            keys[key] = [value] if value else []
        elif key is None:
            raise ValueError(f"did not expect {word!r}; keys of the experiment are given as --key value")
        else:
            keys[key].append(word)
    return {key: {0: "true", 1: values[0] if values else ""}.get(len(values), values) for key, values in keys.items()}
