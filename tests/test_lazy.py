"""Packages that export names lazily keep their promises, and importing them loads nothing heavy."""

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import seglet
from seglet.lazy import lazy_exports


def exporting_packages() -> list[str]:
    """Returns the packages of seglet that have an `__all__`."""
    every = pkgutil.walk_packages(seglet.__path__, "seglet.")
    return ["seglet", *(found.name for found in every if found.ispkg and hasattr(imported(found.name), "__all__"))]


def imported(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.mark.parametrize("name", exporting_packages())
def test_every_exported_name_can_be_imported(name: str) -> None:
    package = imported(name)
    for public in package.__all__:
        assert getattr(package, public) is not None


@pytest.mark.parametrize("name", exporting_packages())
def test_no_exported_name_is_hidden_by_a_module(name: str) -> None:
    package = imported(name)
    modules = {found.name for found in pkgutil.iter_modules(package.__path__)}
    for public in modules.intersection(package.__all__):
        assert getattr(package, public) is imported(f"{name}.{public}")  # it is exported itself


@pytest.mark.parametrize("name", exporting_packages())
def test_dir_lists_the_exported_names(name: str) -> None:
    package = imported(name)
    assert set(package.__all__) <= {*dir(package), *vars(package)}


@pytest.mark.parametrize(
    "name", ["seglet", "seglet.losses", "seglet.labels", "seglet.evaluation", "seglet.models", "seglet.models.heads"]
)
def test_importing_the_package_does_not_import_torch(name: str) -> None:
    code = f"import sys, {name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_name_is_imported_when_it_is_used_and_a_wrong_one_is_answered_with_all() -> None:
    get, names = lazy_exports("package", {"loads": "json", "dumps": "json"})
    assert get("loads")("[1]") == [1]
    assert names() == ["dumps", "loads"]
    with pytest.raises(AttributeError, match="package has no 'load'; it has dumps, loads"):
        get("load")
