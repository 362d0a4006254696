"""Experiment files: flat YAML with the keys of one experiment, or a table with shared keys and a row for each one.

    method: distill
    steps: 40000          # for all rows
    rows:
      pspnet-kd: {student: pspnet-resnet18}
      pspnet-cwd: {student: pspnet-resnet18, terms: [kl, cwd]}

A row of a table is named behind a `#`: `voc.yaml#pspnet-cwd`. Nothing in a file can run (safe YAML).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from seglet.engine.console import print_message
from seglet.plain_yaml import PlainLoader
from seglet.values import ConfigError, choose_from, did_you_mean

TABLE_ROWS = "rows"
"""Key of a table under which its experiments are named."""

ABOUT_TABLE = "table"
"""Key beside the rows of a table for what `seglet table` needs to know; `seglet train` ignores it."""

RENAMED_KEYS = {"cache_pictures": "cache_images", "acr_product": "acr_update"}
"""Old spellings of keys, which are still read, with a warning."""

RENAMED_VALUES: dict[str, dict[Any, str]] = {
    "masks_at": {"pictures": "images"},
    "acr_update": {False: "replace", True: "product"},
}
"""Old spellings of choices by today's key, which are still read, with a warning."""

_WITH_ROW = re.compile(r"(?P<file>.+\.ya?ml)#(?P<row>[^/]*)")
_ROW_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MOST_FILES = 100
"""Files of a folder that are searched for the experiment that a wrong path may mean."""


@dataclass(frozen=True)
class WrittenKeys:
    """Keys of one experiment as its file has them, and the origin of each: `FILE`, or the row `FILE#ROW`."""

    values: Mapping[str, Any]
    origin: Mapping[str, str]


def split_row(source: str | Path) -> tuple[Path, str | None]:
    """Splits `FILE#ROW` into the file and the row's name, which is None if there is none.

    A file whose own name has a `#` is taken whole.
    """
    found = _WITH_ROW.fullmatch(str(source))
    if found is None or Path(source).exists():
        return Path(source), None
    return Path(found["file"]), found["row"]


def names_experiment_file(source: str | Path) -> bool:
    """Returns whether the text names an experiment file, with or without a row, and not a method or a run."""
    file, _ = split_row(source)
    return file.suffix in {".yaml", ".yml"} or file.is_file()


def read_experiment_file(source: str | Path) -> WrittenKeys:
    """Reads the keys of one experiment: a flat file, or the shared keys of a table with those of a row over them.

    Raises:
        ConfigError: no such file or row, a table without a row's name, or not the form of an experiment file.
    """
    file, row = split_row(source)
    if not file.exists():
        raise ConfigError(f"cannot read the experiment {source}: there is no such file{_suggest_experiment(file)}")
    return select_row(read_yaml(file), file, row)


def select_row(content: Mapping[str, Any], file: Path, row: str | None) -> WrittenKeys:
    """Returns the keys of one experiment of a file with this content; `row` is None if the file is one experiment.

    Raises:
        ConfigError: no such row, a table without a row's name, or rows that are none.
    """
    shared = dict(content)
    rows = read_rows(shared.pop(TABLE_ROWS), file) if TABLE_ROWS in shared else {}
    if rows:
        shared.pop(ABOUT_TABLE, None)
    if row is None:
        if rows:
            raise ConfigError(
                f"{file} is a table of {len(rows)} experiments; name one, such as {file}#{next(iter(rows))}, "
                f"of {', '.join(rows)}"
            )
        return WrittenKeys(shared, dict.fromkeys(shared, str(file)))
    if not rows:
        raise ConfigError(f"{file} has no rows: it is one experiment; leave out #{row}")
    if row not in rows:
        raise ConfigError(f"{file} has no row {row!r}; {choose_from(row, rows)}")
    origin = dict.fromkeys(shared, str(file)) | dict.fromkeys(rows[row], f"{file}#{row}")
    return WrittenKeys({**shared, **rows[row]}, origin)


def experiments_in(file: Path) -> list[str]:
    """Returns the names of the experiments in a file: the file itself, or `FILE#ROW` for every row of a table.

    Raises:
        ConfigError: the file is no experiment file.
    """
    return [f"{file}#{row}" for row in _row_names(file)] or [str(file)]


def read_yaml(file: Path) -> dict[str, Any]:
    """Reads a mapping of text to values, with today's names of the keys; no key may occur twice.

    Raises:
        ConfigError: the file cannot be read or is no such mapping.
    """
    try:
        text = file.read_text(encoding="utf-8")
        content, twice = yaml.load(text, PlainLoader), _repeated(yaml.compose(text, PlainLoader), levels=3)
    except OSError as error:
        raise ConfigError(f"cannot read the experiment {file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not plain YAML: {error}") from error
    if not _is_mapping(content):
        raise ConfigError(f"{file} must be a flat list of `key: value` lines")
    if twice:
        raise ConfigError(f"{file} gives {', '.join(twice)} more than once; keep one line of each")
    return with_current_names(content, str(file))


def with_current_names(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Replaces old spellings of keys and choices by today's, with a warning on stderr for each.

    Raises:
        ConfigError: a key is given under both names.
    """
    for old, new in RENAMED_KEYS.items():
        if old in values and new in values:
            raise ConfigError(f"{where} gives {new} twice, once as {old}; keep one")
        if old in values:
            print_message(f"warning: {old} in {where} is now {new}; the old spelling goes with the next release")
    current = dict[str, Any]()
    for key, value in values.items():
        name = RENAMED_KEYS.get(key, key)
        current[name] = new = _renamed_value(name, value)
        if new is not value:
            print_message(
                f"warning: {name}: {value} in {where} is now {new}; the old spelling goes with the next release"
            )
    return current


def _renamed_value(key: str, value: Any) -> Any:
    """Returns today's spelling of a choice; true and false may be given as words."""
    for old, new in RENAMED_VALUES.get(key, {}).items():
        if str(value).lower() == str(old).lower():
            return new
    return value


def _row_names(file: Path) -> list[str]:
    content = read_yaml(file)
    return list(read_rows(content[TABLE_ROWS], file)) if TABLE_ROWS in content else []


def read_rows(content: Any, file: Path) -> dict[str, dict[str, Any]]:
    """Returns the rows of a table by name, after checking that each is a mapping of keys.

    Raises:
        ConfigError: they are not, or a name is none.
    """
    if not _is_mapping(content) or not content:
        raise ConfigError(f"{file}: expected under `{TABLE_ROWS}:` lines of `name: {{key: value}}`, got {content!r}")
    for name, row in content.items():
        if not _ROW_NAME.fullmatch(name):
            raise ConfigError(f"{file}: row {name!r} must be named by letters, digits, '.', '_' and '-' alone")
        if not _is_mapping(row):
            raise ConfigError(f"{file}: row {name!r} must be a mapping of keys, such as {{steps: 500}}, got {row!r}")
        if TABLE_ROWS in row:
            raise ConfigError(f"{file}: row {name!r} has rows of its own; a table has one level of rows")
    return {name: with_current_names(row, f"{file}#{name}") for name, row in content.items()}


def _is_mapping(content: Any) -> bool:
    return isinstance(content, dict) and all(isinstance(key, str) for key in content)


def _repeated(node: yaml.Node | None, levels: int) -> list[str]:
    """Returns keys that occur twice in a mapping, or in one within it, of which YAML would silently take the last."""
    if levels == 0 or not isinstance(node, yaml.MappingNode):
        return []
    keys = [key.value for key, _ in node.value if isinstance(key.value, str)]
    inner = [key for _, value in node.value for key in _repeated(value, levels - 1)]
    return sorted({key for key in keys if keys.count(key) > 1} | {*inner})


def _suggest_experiment(file: Path) -> str:
    """Returns the end of an error message for a missing file: the experiment that has its name, or nearly so.

    A table `voc.yaml` with a row `pspnet-cwd` answers for `voc-pspnet-cwd.yaml` and for `voc/pspnet-cwd.yaml`.
    """
    beside = _experiments_near(file.parent)
    above = _experiments_near(file.parent.parent)
    spelled = beside.get(file.stem) or above.get(f"{file.parent.name}-{file.stem}")
    return f"; did you mean {spelled!r}?" if spelled else did_you_mean(str(file), beside.values())


def _experiments_near(folder: Path) -> dict[str, str]:
    """Maps plain names of the experiments in a folder, `voc-pspnet-cwd` or `pspnet-cwd`, to their full names."""
    known: dict[str, str] = {}
    for file in islice(sorted(folder.glob("*.y*ml")), _MOST_FILES):
        try:
            rows = _row_names(file)
        except ConfigError:
            continue
        known |= {row: f"{file}#{row}" for row in rows if row not in known}
        known |= {f"{file.stem}-{row}": f"{file}#{row}" for row in rows} or {file.stem: str(file)}
    return known
