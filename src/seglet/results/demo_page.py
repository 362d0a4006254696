"""Page of the demo's results: one HTML file that loads nothing."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from seglet.files import write_text
from seglet.results.markdown import table_cells

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1c1c1c }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .3rem .8rem; border-bottom: 1px solid #ccc }
th { text-align: left } td { text-align: right } td:first-child, td:last-child { text-align: left }
img { max-width: 100%; image-rendering: pixelated; border: 1px solid #ccc }
code { background: #f2f2f2; padding: .1rem .3rem }
"""


def write_demo_page(file: Path, results: Mapping[str, Any], sheet: Path, rows: Sequence[str]) -> None:
    """Writes the table and the sheet of predictions as HTML; `rows` are the names of the sheet's rows."""
    head, *lines = table_cells(results)
    image = base64.b64encode(sheet.read_bytes()).decode("ascii")
    names = ", ".join(map(escape, rows))
    body = [
        f"<h1>{escape(results['title'])}</h1>",
        "<p>Scores on scenes that no run was trained on. mIoU: overlap of predicted and true masks, averaged over "
        "classes. ECE: mean distance of confidence and accuracy. Short runs with one seed: an example, "
        "not a comparison.</p>",
        f"<table><thead>{_line(head, 'th')}</thead><tbody>",
        *(_line(line, "td") for line in lines),
        "</tbody></table>",
        f"<p>Rows of the sheet: {names}.</p>",
        f'<img alt="Scenes and the predictions of each run. Rows: {names}." src="data:image/png;base64,{image}">',
        f"<p>To reproduce: <code>{escape(results['command'])}</code>, commit {escape(results['commit'])}, "
        f"{escape(results['hardware'])}.</p>",
    ]
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    title = f"<title>seglet: {escape(results['title'])}</title><style>{_STYLE}</style>"
    page = f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{policy}{title}</head>\n<body><main>'
    write_text(file, "\n".join([page, *body, "</main></body></html>", ""]))


def _line(values: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(value)}</{tag}>" for value in values) + "</tr>"
