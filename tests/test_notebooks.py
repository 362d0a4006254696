"""Notebooks as they are committed: run to the end, free of the machine they ran on. CI runs them anew with nbmake."""

import ast
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tools.notebooks import cleaned, plain_text

FILES = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def cells(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(request.param.read_text())["cells"] if cell["cell_type"] == "code"]


def test_there_are_five() -> None:
    assert [file.stem[0] for file in FILES] == ["1", "2", "3", "4", "5"]


def test_every_cell_was_run_in_order_and_none_failed(cells: list[dict[str, Any]]) -> None:
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]


def test_every_cell_is_python_but_for_commands(cells: list[dict[str, Any]]) -> None:
    for cell in cells:
        ast.parse("".join(line for line in cell["source"] if not line.startswith("!")))


def test_no_path_and_no_progress_of_a_machine_is_left(cells: list[dict[str, Any]]) -> None:
    shown = json.dumps([cell["outputs"] for cell in cells])
    assert not re.search(r"/(home|work|root|tmp|Users)/", shown)
    assert "stderr" not in shown


def test_pages_that_are_named_exist() -> None:
    for file in FILES:
        text = "".join("".join(cell["source"]) for cell in json.loads(file.read_text())["cells"])
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            assert (file.parent / target).exists(), f"{file.name} names {target}"


def test_text_is_what_a_terminal_shows_in_the_end() -> None:
    text = "check \x1b[91m━━\x1b[0m 3/4\n/a/b/runs: \x1b[1m2\x1b[0m images\nold\rnew\n"
    assert plain_text(text, Path("/a/b")) == "runs: 2 images\nnew\n"


def test_progress_and_second_forms_of_pictures_are_left_out() -> None:
    progress = SimpleNamespace(output_type="stream", name="stderr", text="1/2")

    class Shown(dict[str, Any]):
        output_type = "display_data"

    picture = Shown(data={"image/png": "a", "image/jpeg": "b", "text/plain": "c"})
    picture.data = picture["data"]  # type: ignore[attr-defined]
    kept = cleaned([progress, picture], Path("/a"))
    assert [output.data for output in kept] == [{"image/png": "a", "text/plain": "c"}]
