"""Where golden numbers and real images are, and how tests ask for them."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
from jaxtyping import config

HERE = Path(__file__).parent


class Case(dict[str, np.ndarray]):
    """The arrays of a golden file by name, and the file's own as `name`; reading one that it lacks fails the test."""

    def __init__(self, file: Path, arrays: Mapping[str, np.ndarray]) -> None:
        super().__init__({"name": np.array(file.stem), **arrays})
        self.file = file

    def __missing__(self, key: str) -> NoReturn:
        pytest.fail(f"{self.file} lacks {key!r}; it has {', '.join(self)}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden-dir", default=None, help="golden numbers: kd/, weak/, semi/ (default tests/golden)")
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow; -m slow runs them alone")


def pytest_configure(config: pytest.Config) -> None:
    """Refuses a given folder without any golden case, which would skip every golden test."""
    given = config.getoption("--golden-dir") or os.environ.get("SEGLET_GOLDEN")
    if given and not any(golden_root(config).glob("*/*_case*.npz")):
        raise pytest.UsageError(f"no golden case kd|weak|semi/FAMILY_caseK.npz in {golden_root(config)}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips slow tests unless they are asked for, by `--slow` or in an expression of marks."""
    if config.getoption("--slow") or "slow" in config.getoption("-m"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: --slow runs it too"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives a test marked `golden(folder, family)` one run for each `family_*.npz` there, or one that is skipped."""
    for marker in metafunc.definition.iter_markers("golden"):
        folder, family = marker.args
        root = golden_root(metafunc.config)
        found = [pytest.param(file, id=file.stem) for file in sorted((root / folder).glob(f"{family}_case*.npz"))]
        none = pytest.mark.skip(reason=f"no golden case {folder}/{family}_case*.npz in {root}")
        metafunc.parametrize("case", found or [pytest.param(None, id=family, marks=none)], indirect=True)


def golden_root(config: pytest.Config) -> Path:
    chosen = config.getoption("--golden-dir") or os.environ.get("SEGLET_GOLDEN")
    return Path(chosen).resolve() if chosen else HERE / "golden"


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    with np.load(request.param, allow_pickle=False) as arrays:
        return Case(request.param, arrays)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images (`SEGLET_DATA`, or shared/data beside the project)."""
    folder = Path(os.environ.get("SEGLET_DATA", HERE.parent.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real images are not at {folder}; set SEGLET_DATA")
    return folder


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switches the checks of shapes and types off, for tests of what users, who run without them, are told."""
    monkeypatch.setattr(config, "jaxtyping_disable", True)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Sums depend on how many threads share them; fixtures of any scope must run on as many as tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
