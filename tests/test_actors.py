"""Work by the actors of a Ray cluster: the same bytes as here, whatever dies meanwhile."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tests.cli.conftest import images, model, seglet  # noqa: F401  fixtures
from tests.data.columns.producers import CopyProducer
from tests.data.toys import Toys, sample
from tests.dying import Dying, raise_at_once
from tests.engine.toys import ONE_THREAD

from seglet.actors import ActorPool
from seglet.data.columns.recipe import column_recipes
from seglet.data.columns.store import ColumnStore
from seglet.engine.columns import OfflineColumn
from seglet.engine.prepare import PrepareOptions, prepare_columns
from seglet.files import read_json

pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
RAY = ["--engine", "ray", "--actors", 1]
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module", autouse=True)
def small_cluster():
    """A cluster of this machine with little shared memory, whose processes find the tests."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_OBJECT_STORE_MEMORY", str(80 * 2**20))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]))
        yield
        ray.shutdown()


def squares(work):
    notes = []
    found = list(ActorPool(actors=2).map(work, range(20), 3, lambda number, reason: reason, notes.append))
    return found, notes


def test_an_actor_may_die_in_the_middle_and_what_kills_every_actor_is_given_up_alone(tmp_path):
    found, notes = squares(Dying(tmp_path, {7: 1, 15: 9}))
    assert found[:15] + found[16:] == [number * number for number in range(20) if number != 15]
    assert "3 actors died on it" in found[15]
    assert sum("an actor died" in note for note in notes) == 4


def test_an_error_of_the_work_is_raised_as_it_is():
    with pytest.raises(ValueError, match=r"^no such weights$"):
        squares(raise_at_once)


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".json"
    }


def record(folder):
    """What a record says beside its command and its folder."""
    return {
        name: value for name, value in read_json(folder / "predictions.json").items() if name not in ("command", "out")
    }


@pytest.mark.parametrize("more", [(), ("--pseudo-labels", "--scores", "--threshold", 0.1)], ids=["masks", "labels"])
def test_predictions_are_those_of_this_process(more, model, images, seglet, tmp_path):  # noqa: F811
    for name, engine in (("here", []), ("there", RAY)):
        words = [model, "--data", images, "--split", "val", "--out", tmp_path / name, *more, *engine]
        assert seglet("predict", *words).code == 0
    assert files(tmp_path / "here") == files(tmp_path / "there")
    assert record(tmp_path / "here") == record(tmp_path / "there")


def test_a_check_says_the_same(images, seglet):  # noqa: F811
    here = seglet("data", "check", images, "--json").out
    shutil.rmtree(images / ".seglet")
    assert json.loads(here) == json.loads(seglet("data", "check", images, "--json", *RAY).out)


def test_refined_masks_are_those_of_this_process(model, images, seglet, tmp_path):  # noqa: F811
    assert seglet("predict", model, images / "images", "--out", tmp_path / "masks").code == 0
    for name, engine in (("here", ["--jobs", 1]), ("there", RAY)):
        words = [tmp_path / "masks", "--images", images / "images", "--out", tmp_path / name, *engine]
        assert seglet("refine", *words).code == 0
    assert files(tmp_path / "here") == files(tmp_path / "there")


def test_columns_are_those_of_this_process(tmp_path):
    data, producer = Toys([sample(seed=number) for number in range(6)]), CopyProducer()
    for name, pool in (("here", None), ("there", ActorPool(actors=1))):
        (recipe,) = column_recipes([producer]).values()
        column = OfflineColumn(producer, ColumnStore(tmp_path / name, recipe), True)
        options = PrepareOptions(torch.device("cpu"), batch=2, pool=pool)
        (outcome,) = prepare_columns(data, [column], options, lambda text: None)
        assert (outcome.made, outcome.failed) == (6, {})
    assert files(tmp_path / "here") == files(tmp_path / "there")


def test_a_driver_that_is_killed_goes_on_to_the_same_results(model, images, seglet, tmp_path):  # noqa: F811
    out = tmp_path / "there"
    words = ["predict", str(model), str(images / "images"), "--out", str(out), *map(str, RAY)]
    killed = subprocess.Popen([sys.executable, "-m", "seglet", *words], stderr=subprocess.DEVNULL, env=ONE_THREAD)
    while killed.poll() is None and not list(out.rglob("masks/**/*.png")):
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    assert seglet(*words).code == 0
    assert seglet("predict", model, images / "images", "--out", tmp_path / "here").code == 0
    assert files(tmp_path / "here") == files(out)
    assert record(tmp_path / "here") == record(out)
