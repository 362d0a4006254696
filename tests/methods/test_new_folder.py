"""A new method of seglet needs its own files alone: added to a copy, all that lists methods has it without an edit."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/own_method/own_method"
PARTS = ("configs", "docs", "examples", "src", "tests", "tools")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "golden", "fixtures")

CONFIG = """\
# The embedded world: a small student with the focal loss.
#   seglet train configs/mine/world.yaml
method: mine
focus: 1.0  # ours
steps: 400  # ours: minutes on two cores
"""
PAGE = "# Focal loss\n\nOne [method](../add-a-method.md) more.\n\n```sh\nseglet train mine --focus 1.5\n```\n"
DEMO = {"mine": {"method": "mine", "supervision": "masks", "student": "pspnet-resnet18", "width": 0.25}}
TESTS = (
    "tests/test_docs.py",
    "tests/methods/test_methods.py",
    "tests/methods/test_protocols.py",
    "tests/methods/test_configs.py",
    "tests/cli/test_table.py::test_every_method_brings_a_short_run_for_the_demo",
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the documented example is a method of seglet."""
    root = tmp_path_factory.mktemp("copy")
    for part in PARTS:
        shutil.copytree(ROOT / part, root / part, ignore=LEFT_OUT)
    for file in [file for file in ROOT.iterdir() if file.is_file()]:
        shutil.copy(file, root)
    method = root / "src/seglet/methods/mine"
    method.mkdir()
    for file in EXAMPLE.glob("*.py"):
        (method / file.name).write_text(file.read_text().replace("own_method", "seglet.methods.mine"))
    (method / "demo.json").write_text(json.dumps(DEMO))
    (root / "configs/mine").mkdir()
    (root / "configs/mine/world.yaml").write_text(CONFIG)
    (root / "docs/methods/mine.md").write_text(PAGE)
    return root


def run_in(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    surroundings = {**os.environ, "PYTHONPATH": str(root / "src"), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    return subprocess.run(words, cwd=root, env=surroundings, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_what_lists_methods_holds_with_one_more(copy: Path) -> None:
    chosen = "mine or menu or protocol or short_run"
    done = run_in(copy, sys.executable, "-m", "pytest", "-vv", "-p", "no:cacheprovider", *TESTS, "-k", chosen)
    assert done.returncode == 0, done.stdout[-3000:]
    for file in ("tests/test_docs.py", *TESTS[1:4]):
        assert f"{file}::" in done.stdout


def test_the_contracts_hold_for_it(copy: Path) -> None:
    done = run_in(copy, str(Path(sys.executable).parent / "lint-imports"), "--no-cache")
    assert done.returncode == 0, done.stdout


def test_the_command_line_knows_it(copy: Path) -> None:
    done = run_in(copy, sys.executable, "-m", "seglet", "train", "mine", "--keys")
    assert "--focus = 2.0" in done.stdout
