"""The versions of `constraints.txt` are ones that `pyproject.toml` allows, for every extra."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from tools.check_extras import extras

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = dict(line.split("#")[0].strip().split("==") for line in LINES if "==" in line)


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(extra):
    """What an extra needs besides seglet."""
    lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    return [one for one in map(Requirement, lines) if plain(one.name) != "seglet"]


@pytest.mark.parametrize("extra", ["", *extras()])
def test_each_package_of_an_extra_is_pinned_to_a_version_that_it_allows(extra):
    pins = {plain(name): version for name, version in PINS.items()}
    missing = [str(one) for one in wanted(extra) if plain(one.name) not in pins]
    assert missing == []
    assert [str(one) for one in wanted(extra) if not one.specifier.contains(pins[plain(one.name)])] == []


def test_actions_are_pinned_by_commit():
    files = sorted((ROOT / ".github/workflows").glob("*.yml"))
    used = [
        line.split("uses:")[1].strip() for file in files for line in file.read_text().splitlines() if "uses:" in line
    ]
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*", one)] == []
