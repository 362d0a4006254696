"""A run loads the modules it uses and no others."""

import subprocess
import sys

import pytest
from tests.engine.toys import ONE_THREAD, TINY

MOST_MODULES = 125
CODE = """
import sys
import seglet
seglet.train("supervised", width=0.0625, out=sys.argv[1], accelerator="cpu", **{keys!r})
print(*(name for name in sys.modules if name.partition(".")[0] == "seglet"))
"""
UNUSED = (
    "data.columns.store",
    "data.dark.pipeline",
    "data.layouts",
    "data.loading.pairs",
    "data.loading.semi",
    "data.tags",
    "engine.artefacts",
    "engine.columns",
    "engine.failed_step",
    "inference",
    "labels",
    "models.foundation",
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules of seglet that two supervised steps load."""
    words = [sys.executable, "-c", CODE.format(keys=TINY), str(tmp_path_factory.mktemp("run") / "run")]
    done = subprocess.run(words, capture_output=True, text=True, env=ONE_THREAD, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_two_supervised_steps_load_few_modules(loaded: set[str]) -> None:
    assert len(loaded) <= MOST_MODULES, sorted(loaded)


@pytest.mark.parametrize("part", UNUSED)
def test_a_feature_that_a_run_does_not_use_is_not_loaded(part: str, loaded: set[str]) -> None:
    assert {name for name in loaded if f"{name}.".startswith(f"seglet.{part}.")} == set()


def test_only_the_chosen_network_is_loaded(loaded: set[str]) -> None:
    heads = {name for name in loaded if name.startswith("seglet.models.heads.")}
    assert heads == {"seglet.models.heads.base", "seglet.models.heads.deeplabv3"}
