"""The promised surface: changing it is a deliberate line in api.json."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import seglet

PROMISED = json.loads((Path(__file__).parent / "api.json").read_text())


def signature(thing: object) -> str:
    """Names and defaults; annotations are left to mypy."""
    parameters = inspect.signature(thing).parameters.values()
    return str(inspect.Signature([p.replace(annotation=inspect.Parameter.empty) for p in parameters]))


def surface() -> dict[str, str]:
    found = {}
    for name in seglet.__all__:
        thing = getattr(seglet, name)
        if callable(thing):
            found[name] = signature(thing)
        if inspect.isclass(thing):
            public = (member for member in vars(thing) if not member.startswith("_"))
            members = {member: getattr(thing, member) for member in public}
            found |= {f"{name}.{member}": signature(it) for member, it in members.items() if inspect.isroutine(it)}
    return found


def test_the_surface_is_as_promised():
    assert surface() == PROMISED


def test_it_is_small():
    assert len([name for name in seglet.__all__ if not name.startswith("_")]) <= 20


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(AttributeError, match=r"has no 'laod'; it has .*load"):
        seglet.laod  # noqa: B018


def test_importing_seglet_is_light():
    code = "import seglet, sys; print({'torch', 'numpy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
