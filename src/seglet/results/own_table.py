"""Tables of one's own: an experiment file with rows, of which each is trained on several seeds.

method: fotf
student: fpn-efficientnet_lite0
table: {title: What a teacher gives, seeds: [0, 1, 2], score_on: val}
rows:
  teacher: {method: supervised, student: fpn-efficientnet_lite2}
  kd: {teacher: "@teacher"}
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from seglet.engine.experiment_file import ABOUT_TABLE, TABLE_ROWS, names_experiment_file, read_rows, read_yaml
from seglet.engine.settings import Settings
from seglet.results.definition import TableDefinition, TableRow, table_definition
from seglet.values import ConfigError, build_config, check_known_keys, choose_from

_WORLD = {key: getattr(Settings, key) for key in ("data", "world_scenes", "world_size")}
"""Keys that every table has, as an experiment without them takes them."""


@dataclass(frozen=True)
class AboutTable:
    """Title, seeds, split, scores and a paper's numbers, as an experiment file states them under `table`."""

    title: str = ""
    seeds: tuple[int, ...] = (0, 1, 2)
    score_on: str = "val"
    """The split that rows are scored on."""
    columns: tuple[str, ...] = ("miou", "pixel_accuracy", "ece")
    paper: tuple[Mapping[str, Any], ...] = ()
    """A paper's numbers, each with its `row`; in the file by row and then by score: `kd: {miou: 75.1}`."""


def open_table(source: str) -> TableDefinition:
    """Returns one of the package's tables by name, or reads the table of an experiment file.

    Raises:
        ValueError: there is no such table.
        ConfigError: the file has no rows, or a row refers to one that is not there.
    """
    if not names_experiment_file(source):
        return table_definition(source)
    file = Path(source)
    shared = read_yaml(file)
    about = _read_about(shared.pop(ABOUT_TABLE, {}), file)
    if TABLE_ROWS not in shared:
        raise ConfigError(f"{file} is one experiment, not a table: give it `{TABLE_ROWS}:`, or `seglet train {file}`")
    rows = {name: TableRow.read(keys) for name, keys in read_rows(shared.pop(TABLE_ROWS), file).items()}
    _check_sources(rows, file)
    if wrong := {entry["row"] for entry in about.paper} - rows.keys():
        raise ConfigError(f"{file}: {ABOUT_TABLE}: paper: there is no row {', '.join(sorted(wrong))}")
    return TableDefinition(
        file.stem,
        about.title or file.stem,
        rows,
        about.seeds,
        {**_WORLD, **shared},
        about.score_on,
        paper=about.paper,
        columns=about.columns,
        file=str(file),
    )


def _check_sources(rows: Mapping[str, TableRow], file: Path) -> None:
    """Checks that the rows which others need are there, and that no row needs itself in the end."""
    for name, row in rows.items():
        for wanted in (*row.sources, *row.control, *row.between):
            if wanted not in rows:
                raise ConfigError(
                    f"{file}: row {name!r} needs the row {wanted!r}, which is not there; {choose_from(wanted, rows)}"
                )
    done: set[str] = set()
    while ready := [name for name in rows.keys() - done if set(rows[name].sources) <= done]:
        done.update(ready)
    if around := sorted(rows.keys() - done):
        raise ConfigError(f"{file}: rows {', '.join(around)} need one another in a circle; one of them must come first")


def _read_about(content: Any, file: Path) -> AboutTable:
    if not isinstance(content, dict):
        raise ConfigError(
            f"{file}: expected under `{ABOUT_TABLE}:` a mapping such as {{seeds: [0, 1]}}, got {content!r}"
        )
    check_known_keys(content, (each.name for each in fields(AboutTable)), f"`{ABOUT_TABLE}:` of {file}")
    paper = content.get("paper", {})
    if not isinstance(paper, dict) or not all(isinstance(scores, dict) for scores in paper.values()):
        raise ConfigError(
            f"{file}: {ABOUT_TABLE}: paper: expected scores by row, {{kd: {{miou: 75.1}}}}, got {paper!r}"
        )
    about = build_config(AboutTable, {key: content[key] for key in content if key != "paper"})
    about = replace(about, paper=tuple({"row": str(row), **scores} for row, scores in paper.items()))
    if not about.seeds or len(set(about.seeds)) != len(about.seeds) or min(about.seeds) < 0:
        raise ConfigError(f"{file}: {ABOUT_TABLE}: expected different seeds from 0 on, got {list(about.seeds)}")
    return about
