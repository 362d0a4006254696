"""Which golden families the tests claim, read from their source, and which files on disk nobody claims."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

Family = tuple[str, str]
"""Folder and family: ("kd", "task_ce")."""


def claimed(files: Iterable[Path]) -> set[Family]:
    """Families named by `pytest.mark.golden(folder, family)` anywhere in these files.

    Raises:
        ValueError: the names are not plain strings, so nobody could tell which family is meant.
    """
    return {_family(call, path) for path in files for call in _marks(ast.parse(path.read_text(encoding="utf-8")))}


def _marks(tree: ast.AST) -> list[ast.Call]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func) in {"pytest.mark.golden", "mark.golden"}]


def _family(call: ast.Call, path: Path) -> Family:
    names = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    match names:
        case [str(folder), str(family)] if len(call.args) == 2 and not call.keywords:
            return folder, family
    raise ValueError(f'{path}:{call.lineno}: write golden("folder", "family") with two plain strings')


def unclaimed(root: Path, families: set[Family]) -> list[str]:
    """Files below `root`, by relative path, that are not `folder/family_caseK.npz` of a claimed family."""
    files = sorted(path.relative_to(root) for path in root.rglob("*.npz"))
    return [path.as_posix() for path in files if (path.parent.as_posix(), _family_of(path.stem)) not in families]


def _family_of(stem: str) -> str | None:
    found = re.fullmatch(r"(.+)_case\d+", stem)
    return found[1] if found else None
