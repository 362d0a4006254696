"""One page that shows what the demo found: a file without anything outside it."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from seglet.files import write_text
from seglet.results.markdown import cells

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1c1c1c }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .3rem .8rem; border-bottom: 1px solid #ccc }
th { text-align: left } td { text-align: right } td:first-child, td:last-child { text-align: left }
img { max-width: 100%; image-rendering: pixelated; border: 1px solid #ccc }
code { background: #f2f2f2; padding: .1rem .3rem }
"""


def write_page(file: Path, results: Mapping[str, Any], source: Path, shown: Sequence[str]) -> None:
    """Writes table and image as HTML; `shown` names the rows of the image."""
    head, *rows = cells(results)
    image = base64.b64encode(source.read_bytes()).decode("ascii")
    named = ", ".join(map(escape, shown))
    body = [
        f"<h1>{escape(results['title'])}</h1>",
        "<p>Scenes that no run has seen. mIoU: how well masks fit, averaged over classes. ECE: how far confidences are "
        "from the truth. Short runs from scratch, one seed: a taste, not a comparison.</p>",
        f"<table><thead>{_line(head, 'th')}</thead><tbody>",
        *(_line(row, "td") for row in rows),
        "</tbody></table>",
        f"<p>Rows of the source: {named}.</p>",
        f'<img alt="Scenes and what each run sees in them. Rows: {named}." src="data:image/png;base64,{image}">',
        f"<p>Again: <code>{escape(results['command'])}</code>, commit {escape(results['commit'])}, "
        f"{escape(results['hardware'])}.</p>",
    ]
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    title = f"<title>seglet: {escape(results['title'])}</title><style>{STYLE}</style>"
    page = f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{policy}{title}</head>\n<body><main>'
    write_text(file, "\n".join([page, *body, "</main></body></html>", ""]))


def _line(values: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(value)}</{tag}>" for value in values) + "</tr>"
