"""Runs the notebooks and writes them back with what they showed, cleaned of what differs from machine to machine.

python -m tools.notebooks [notebooks/NAME.ipynb ...]
"""

import re
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SECONDS = 1800
"""Time that a cell may take."""
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_PICTURES = {"image/jpeg", "text/html"}
"""Forms of an output that are left out where there is a PNG, which every reader of notebooks shows."""


def run_notebook(file: Path) -> float:
    """Runs all cells of a notebook in its folder and saves it; the seconds that it took.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed; nothing is saved.
    """
    nbformat, nbclient = import_module("nbformat"), import_module("nbclient")  # of the extra notebooks
    book, began = nbformat.read(file, as_version=4), time.monotonic()
    nbclient.NotebookClient(book, timeout=SECONDS, resources={"metadata": {"path": str(file.parent)}}).execute()
    for cell in book.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = cleaned(cell.outputs, file.parent)
    book.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(book, file)
    return time.monotonic() - began


def cleaned(outputs: list[Any], folder: Path) -> list[Any]:
    """Returns outputs without progress, colours, absolute paths and second forms of pictures."""
    kept: list[Any] = []
    for output in outputs:
        if output.output_type == "stream" and output.name == "stderr":
            continue
        if output.output_type == "stream":
            output.text = plain_text(output.text, folder)
            if kept and kept[-1].output_type == "stream":
                kept[-1].text += output.text
                continue
        elif "image/png" in output.get("data", {}):
            output.data = {form: value for form, value in output.data.items() if form not in _PICTURES}
        kept.append(output)
    return [output for output in kept if output.output_type != "stream" or output.text.strip()]


def plain_text(text: str, folder: Path) -> str:
    """Returns what a terminal shows in the end: lines as they were last written, without colours and bars."""
    lines = [_COLOURS.sub("", line).rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").split("\n")]
    lines = [line for line in lines if "━" not in line]
    return "\n".join(lines).replace(f"{folder}/", "").replace(f"{ROOT}/", "")


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(map(str, (ROOT / "notebooks").glob("*.ipynb"))):
        print(f"{name}: {run_notebook(Path(name).resolve()):.0f} s", flush=True)
