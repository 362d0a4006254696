"""Output of commands: text for people, or one JSON object for programs."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from seglet.engine.console import print_message, printable_text


def print_result(text: str, content: Mapping[str, Any], as_json: bool) -> None:
    """Prints the text on stdout; or, as JSON, `content` there and the text on stderr."""
    if as_json:
        print_message(text)
        print(json.dumps(content, allow_nan=False), flush=True)
    else:
        print(printable_text(text, sys.stdout.encoding), flush=True)


def table_lines(rows: list[tuple[str, ...]], indent: str = "  ") -> list[str]:
    """Returns the lines of a table whose first column is aligned left and the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines
