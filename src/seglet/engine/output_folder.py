"""Output folders: results of the same settings may be continued in one, others are refused."""

import os
import tempfile
from pathlib import Path
from typing import Any

from seglet.locks import LOCK_FILE


def check_output_folder(out: Path, file: str, record: dict[str, Any], overwrite: bool | None) -> None:
    """Checks that `out` is new, empty, or has results of the same settings and classes, by its record in `file`.

    Others are accepted if `overwrite` is true; None says that the command has no such option.

    Raises:
        ValueError: the folder holds other files, or results of other settings or classes.
    """
    from seglet.files import read_json

    if not holds_results(out, file) or overwrite:
        return
    before, now = _decisive(read_json(out / file)), _decisive(record)
    if other := [name for name in {**before, **now} if before.get(name) != now.get(name)]:
        differ = ", ".join(f"{name} was {before.get(name)!r}, is {now.get(name)!r}" for name in other)
        cure = "choose another --out" if overwrite is None else "choose another --out, or --overwrite them"
        raise ValueError(f"{str(out)!r} holds other results: {differ}; {cure}")


def holds_results(out: Path, file: str) -> bool:
    """Checks whether a folder holds earlier results, by their record in `file`; False where it is new or empty.

    Remains of interrupted writes are deleted from a folder of results, and from one that holds nothing else.

    Raises:
        ValueError: it is a file, or holds other files.
    """
    from seglet.files import TEMPORARY, delete_partial

    if out.exists() and not out.is_dir():
        raise ValueError(f"{str(out)!r} is a file; choose a new folder with --out")
    if not out.is_dir():
        return False
    found = (out / file).is_file()
    if not found and any(path.name != LOCK_FILE and not path.name.startswith(TEMPORARY) for path in out.iterdir()):
        raise ValueError(f"{str(out)!r} holds other files; choose a new folder with --out")
    for folder in [out, *(path for path in out.rglob("*") if path.is_dir() and not path.is_symlink())]:
        delete_partial(folder)
    return found


def check_replaceable(out: Path, file: str, overwrite: bool) -> bool:
    """Checks that a folder is new, or that its earlier results may be replaced; returns whether there are some.

    Raises:
        ValueError: it holds other files, or results that are not to be replaced.
    """
    if not holds_results(out, file):
        return False
    if not overwrite:
        raise ValueError(f"{str(out)!r} holds earlier results; choose another --out, or --overwrite them")
    return True


def _decisive(record: Any) -> dict[str, Any]:
    """Returns the settings and the classes, which decide the results."""
    if not isinstance(record, dict) or not isinstance(record.get("settings"), dict):
        return {}
    return {**record["settings"], "classes": record.get("classes")}


def check_writable(file: Path, option: str = "--out") -> None:
    """Checks before the work that its result can be written, and makes the folder; `option` named the file.

    Raises:
        ValueError: it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_dir() or not os.access(file.parent, os.W_OK):
            raise PermissionError
        with tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        raise ValueError(f"cannot write {str(file)!r}; choose another {option}") from error
