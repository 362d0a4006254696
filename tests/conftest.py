"""Where golden numbers and real images are, and how tests ask for them."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import config

Case = dict[str, np.ndarray]
HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden-dir", default=None, help="golden numbers: kd/, weak/, semi/ (default tests/golden)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives a test marked `golden(folder, family)` one run for each `family_*.npz` found there."""
    for marker in metafunc.definition.iter_markers("golden"):
        folder, family = marker.args
        files = sorted((golden_root(metafunc.config) / folder).glob(f"{family}_case*.npz"))
        if not files:
            raise pytest.UsageError(f"no golden case {folder}/{family}_case*.npz in {golden_root(metafunc.config)}")
        metafunc.parametrize("case", files, ids=lambda path: path.stem, indirect=True)


def golden_root(config: pytest.Config) -> Path:
    chosen = config.getoption("--golden-dir") or os.environ.get("SEGLET_GOLDEN")
    return Path(chosen).resolve() if chosen else HERE / "golden"


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    with np.load(request.param, allow_pickle=False) as file:
        return {"name": np.array(request.param.stem), **file}


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
