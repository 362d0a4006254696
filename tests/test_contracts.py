"""Each contract about who may import whom is broken on purpose, in a copy, and must be reported by its name."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LAYERS = "Knowledge flows one way"
METHODS = "No method knows another"
LIGHTNING = "Only the engine knows Lightning"
FOUNDATION = "Only models.foundation knows transformers and diffusers"
TORCHVISION = "Nobody needs torchvision or timm"

FAULTS = {
    "data_imports_models": ({"data/probe.py": "import seglet.models"}, LAYERS),
    "losses_import_data": ({"losses/probe.py": "from seglet import data"}, LAYERS),
    "models_import_methods": ({"models/probe.py": "import seglet.methods"}, LAYERS),
    "methods_import_evaluation": ({"methods/probe.py": "import seglet.evaluation"}, LAYERS),
    "evaluation_imports_engine": ({"evaluation/probe.py": "import seglet.engine"}, LAYERS),
    "tensors_import_labels": ({"tensors.py": "import seglet.labels"}, LAYERS),
    "types_import_tensors": ({"types.py": "import seglet.tensors"}, LAYERS),
    "images_import_data": ({"images/probe.py": "import seglet.data"}, LAYERS),
    "types_and_files_meet": ({"types.py": "import seglet.files"}, LAYERS),
    "stray_package": ({"utils/__init__.py": ""}, LAYERS),
    "stray_module": ({"helpers.py": ""}, LAYERS),
    "method_imports_method": (
        {"methods/one/__init__.py": "import seglet.methods.two", "methods/two/__init__.py": ""},
        METHODS,
    ),
    "method_imports_lightning": ({"methods/probe.py": "import lightning"}, LIGHTNING),
    "data_imports_old_lightning": ({"data/probe.py": "import pytorch_lightning"}, LIGHTNING),
    "files_import_lightning": ({"files.py": "import lightning"}, LIGHTNING),
    "method_imports_transformers": ({"methods/probe.py": "import transformers"}, FOUNDATION),
    "model_imports_diffusers": ({"models/probe.py": "def late():\n    import diffusers"}, FOUNDATION),
    "view_imports_torchvision": ({"data/probe.py": "from torchvision import transforms"}, TORCHVISION),
    "model_imports_timm": ({"models/probe.py": "import timm"}, TORCHVISION),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", root)
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture
def broken(copy: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The copy with the probe files of one fault, which are taken away again."""
    package = copy / "src" / "seglet"
    before = {package / name: _text(package / name) for name in request.param}
    for name, text in request.param.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text((before[package / name] or "") + f"\n{text}\n")
    yield copy
    for path, text in before.items():
        path.write_text(text) if text is not None else path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def lint_imports(root: Path) -> tuple[int, str]:
    lint = Path(sys.executable).parent / "lint-imports"
    surroundings = {**os.environ, "PYTHONPATH": str(root / "src"), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    done = subprocess.run([lint, "--no-cache"], cwd=root, env=surroundings, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def verdict(report: str, contract: str) -> str:
    """KEPT or BROKEN, as it stands behind the contract's name."""
    found = re.search(rf"^{re.escape(contract)} (\w+)", report, re.MULTILINE)
    return found[1] if found else "not reported"


def test_every_contract_is_kept(copy: Path) -> None:
    status, report = lint_imports(copy)
    assert status == 0, report
    assert {verdict(report, name) for name in (LAYERS, METHODS, LIGHTNING, FOUNDATION, TORCHVISION)} == {"KEPT"}


def test_no_contract_is_left_out_here(copy: Path) -> None:
    contracts = tomllib.loads((copy / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["name"] for contract in contracts} == {contract for _, contract in FAULTS.values()}


@pytest.mark.parametrize(("broken", "contract"), FAULTS.values(), ids=FAULTS, indirect=["broken"])
def test_a_fault_is_reported_under_its_contract(broken: Path, contract: str) -> None:
    status, report = lint_imports(broken)
    assert status == 1
    assert verdict(report, contract) == "BROKEN", report


@pytest.mark.parametrize(
    "broken",
    [{"models/foundation/__init__.py": "", "models/foundation/probe.py": "import transformers\nimport diffusers"}],
    indirect=True,
)
def test_the_foundation_adapters_may_import_their_libraries(broken: Path) -> None:
    assert verdict(lint_imports(broken)[1], FOUNDATION) == "KEPT"
