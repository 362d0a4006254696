"""Output of commands: text for people, or one JSON object for programs."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seglet.engine.console import print_message, printable_text


def print_result(text: str, content: Mapping[str, Any], as_json: bool) -> None:
    """Prints the text on stdout; or, as JSON, `content` there and the text on stderr."""
    if as_json:
        print_message(text)
        print(json.dumps(content, allow_nan=False), flush=True)
    else:
        print(printable_text(text, sys.stdout.encoding), flush=True)


def check_writable(file: Path) -> None:
    """Checks before the work that its result can be written, and makes the folder.

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
        raise ValueError(f"cannot write {str(file)!r}; choose another --out") from error


def table_lines(rows: list[tuple[str, ...]], indent: str = "  ") -> list[str]:
    """Returns the lines of a table whose first column is aligned left and the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines
