"""The page `docs/api.md` is a notebook: its blocks run in order, on fewer steps and scenes."""

import ast
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from tests.documents import blocks, text

import seglet

TINY = "steps=2, world_scenes=24, world_size=64, crop=64, batch=2, workers=0, validate_every=2, width=0.125"
NEEDED = {"seglet.export": "onnxscript", 'seglet.load("model.onnx")': "onnxruntime"}
"""Packages of an extra, by the calls that need them."""


def shortened(block: str) -> str:
    """Returns the block with less to train."""
    return re.sub(r"scenes=\d+", "scenes=8", re.sub(r"steps=\d+(?=, out)", TINY, block))


def value_of_last_line(block: str, names: dict[str, Any]) -> Any:
    """Runs a block as a notebook does; returns the value of its last line, if that is an expression."""
    tree = ast.parse(block)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "docs/api.md", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "docs/api.md", "eval"), names)


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked")
def test_the_page_runs_from_beginning_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks(text("docs/api.md"), "python"):
        if any(call in block and importlib.util.find_spec(package) is None for call, package in NEEDED.items()):
            continue
        if 'data="DIR"' in block:
            continue  # data of the reader's own
        repr(value_of_last_line(shortened(block), names))
    assert names["run"].model.is_dir()
    assert 0 <= names["result"].miou <= 1
    assert (tmp_path / "a.png").is_file()
    assert not names["report"].failed
    assert names["refined"].shape == names["segmentation"].probabilities.shape


def test_the_page_refers_to_every_promised_name() -> None:
    named = set(re.findall(r"^::: seglet\.[\w.]+\.(\w+)$", text("docs/api.md"), re.M))
    modules = {"labels", "losses", "__version__"}
    assert set(seglet.__all__) - modules <= named
