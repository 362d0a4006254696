"""Results of the scorecard as JSON, by group, and as tables in a page of the documentation."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from seglet.files import read_json, write_json, write_text
from tools.reliability.row import Row

_SAME: Mapping[str, tuple[str, ...]] = {
    "train: twice": ("train supervised: twice",),
    "train: kill": ("train supervised: kill",),
    "train: kill at any time": ("train supervised: kill at any time",),
    "train: term": ("train supervised: term",),
    "train: interrupt": ("train supervised: interrupt",),
    "train: full": ("train supervised: full",),
    "train: power loss": ("train supervised: power loss",),
    "train: low limits": ("train supervised: low limits",),
    "bit flip: checkpoint": ("bit flip: checkpoint, state.json", "bit flip: checkpoint, tensors.safetensors"),
    "truncation: checkpoint": ("truncation: checkpoint, state.json", "truncation: checkpoint, tensors.safetensors"),
    "pickle with code as checkpoint": ("pickle with code as weights",),
    "a second process beside a live run": ("a second process beside a live run",),
}
"""Rows of the scripts beside seglet, and the same faults in seglet."""


@dataclass(frozen=True)
class Group:
    """Rows that one command gave, in `seconds`, at a commit; all of them, if it was not stopped before its end."""

    command: str
    commit: str | None
    hardware: str
    seconds: float
    rows: list[Row]
    whole: bool = True


def read_groups(file: Path) -> dict[str, Group]:
    """Returns the groups of an earlier file of results; none if it is missing or of another form."""
    content = read_json(file) if file.is_file() else {}
    stored = content.get("groups", {}) if isinstance(content, dict) else {}
    rows: dict[str, list[Row]] = {name: [] for name in stored}
    for one in content.get("rows", []) if stored else []:
        rows[one["group"]].append(Row(**{key: value for key, value in one.items() if key != "group"}))
    return {name: Group(**about, rows=rows[name]) for name, about in stored.items()}


def write_groups(file: Path, groups: Mapping[str, Group]) -> None:
    """Writes how each group was made, and the rows of all."""
    about = {name: asdict(group) for name, group in groups.items()}
    for one in about.values():
        one.pop("rows")
    rows = [{"group": name, **asdict(row)} for name, group in groups.items() for row in group.rows]
    write_json(file, {"groups": about, "rows": rows})


def write_page(page: Path, groups: Mapping[str, Group], titles: Mapping[str, str]) -> None:
    """Writes the rows as tables between the marks of a page in Markdown."""
    begin, end = "<!-- reliability -->", "<!-- /reliability -->"
    head, _, rest = page.read_text(encoding="utf-8").partition(begin)
    tables = [*_count_lines(groups, titles), *_comparison_lines(groups)]
    text = "\n".join(["", *tables, ""])
    write_text(page, f"{head}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def _count_lines(groups: Mapping[str, Group], titles: Mapping[str, str]) -> Iterable[str]:
    own = [row for group in groups.values() for row in group.rows if row.system == "seglet"]
    yield f"**{sum(row.held for row in own)} of {sum(row.tried for row in own)} held.**"
    for name, group in groups.items():
        rows = [row for row in group.rows if row.system == "seglet"]
        if not rows:
            continue
        yield from ("", f"### {titles[name][0].upper()}{titles[name][1:]}", "")
        end = "" if group.whole else "; stopped there, before its end"
        yield f"`{group.command}`, commit {(group.commit or '?')[:8]}, {group.seconds:.0f} s on {group.hardware}{end}."
        yield from ("", "| fault | held | what was compared |", "|---|---|---|")
        yield from (f"| {row.fault} | {row.held} / {row.tried} | {row.evidence} |".replace("<", "&lt;") for row in rows)


def _comparison_lines(groups: Mapping[str, Group]) -> Iterable[str]:
    """Yields a table of the same faults in seglet and in the scripts beside it."""
    every = [row for group in groups.values() for row in group.rows]
    others = list(dict.fromkeys(row.system for row in every if row.system != "seglet"))
    if not others:
        return
    yield from ("", "### Who held what", "", f"| fault | seglet | {' | '.join(others)} |")
    yield "|---|---|" + "---|" * len(others)
    for fault, same in _SAME.items():
        cells = [_counts(row for row in every if row.system == "seglet" and row.fault in same)]
        cells += [_counts(row for row in every if row.system == name and row.fault == fault) for name in others]
        yield f"| {fault} | {' | '.join(cells)} |"


def _counts(rows: Iterable[Row]) -> str:
    found = list(rows)
    held, tried = sum(row.held for row in found), sum(row.tried for row in found)
    return f"{held} / {tried}" if tried else "–"
