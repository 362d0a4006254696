"""The page that documents the REST server, made of its OpenAPI description; it loads nothing and runs no script."""

from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
h2 code { background: none } code, pre { background: #f2f2f2; padding: .1rem .3rem; border-radius: .2rem }
pre { overflow-x: auto; padding: .6rem } td, th { text-align: left; vertical-align: top; padding: .1rem .8rem .1rem 0 }
"""
_EXAMPLE = """\
curl -H "Authorization: Bearer $TOKEN" --data-binary @image.jpg ADDRESS/predict -o mask.png
curl -H "Authorization: Bearer $TOKEN" -F image=@image.jpg "ADDRESS/predict?format=json&polygons=true"
"""


def documentation_page(description: Mapping[str, Any]) -> str:
    """Returns an HTML page of an OpenAPI description: each address with parameters, body and answers."""
    information = description["info"]
    title = f"{information['title']} {information['version']}"
    parts = [
        _operation(method.upper(), path, operation)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    ]
    schemas = description.get("components", {}).get("schemas", {})
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1><p>{escape(information['description'])}</p>"
        f'<pre>{escape(_EXAMPLE)}</pre><p>The same for programs: <a href="/openapi.json">openapi.json</a></p>'
        f"{''.join(parts)}<h2>Answers</h2>{''.join(_schema(name, one) for name, one in schemas.items())}</body></html>"
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    rows = [
        (f"?{one['name']}=", _values(one["schema"]), one.get("description", ""))
        for one in operation.get("parameters", [])
    ]
    if body := operation.get("requestBody"):
        rows.append(("body", ", ".join(body["content"]), body["description"]))
    for status, answer in operation["responses"].items():
        rows.append((status, ", ".join(answer.get("content", {})), answer["description"]))
    text = escape(operation.get("description", ""))
    return f"<h2><code>{method} {escape(path)}</code></h2><p>{text}</p>{_table(rows)}"


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    rows = [(field, _values(one), "") for field, one in schema.get("properties", {}).items()]
    return f"<h3><code>{escape(name)}</code></h3><p>{escape(schema.get('description', ''))}</p>{_table(rows)}"


def _values(schema: Mapping[str, Any]) -> str:
    """Returns the values that a field may have, in a few words."""
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(_values(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    return f"list of {_values(schema['items'])}" if "items" in schema else str(schema.get("type", ""))


def _table(rows: list[tuple[str, str, str]]) -> str:
    lines = [
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{escape(text)}</td></tr>"
        for name, kind, text in rows
    ]
    return f"<table>{''.join(lines)}</table>"
