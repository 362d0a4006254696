"""Methods that are no part of seglet: installed, imported, passed as a class, on one device and on two."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from tests.engine.toys import ONE_THREAD, TINY, tiny, two_processes

from seglet import methods
from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine.experiment import resolve_experiment
from seglet.engine.module import UnusedParametersError, check_gradients
from seglet.engine.train import StartOptions, train_experiment
from seglet.files import file_sha256
from seglet.methods.supervised import Config, Method
from seglet.values import ConfigError

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_method"
POINTS = "[seglet.methods]\nfocal = own_method\nbroken = own_method:Gone\n"
SCRIPT = """
from dataclasses import dataclass
import sys
from own_method import Config, Method
import seglet

@dataclass(frozen=True)
class Sharper(Config):
    sharpness: int = 3

class Mine(Method):
    config_class = Sharper

if __name__ == "__main__":
    seglet.train(Mine, sharpness=2, devices=2, accelerator="cpu", out=sys.argv[1], **%r)
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example as pip would install it: importable, with its entry point."""
    about = tmp_path / "site" / "own_method-0.1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: own-method\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text(POINTS)
    places = [str(EXAMPLE), str(about.parent)]
    for place in places:
        monkeypatch.syspath_prepend(place)
    monkeypatch.setitem(ONE_THREAD, "PYTHONPATH", ":".join([*places, ONE_THREAD.get("PYTHONPATH", "")]))
    for name in [name for name in sys.modules if name.partition(".")[0] == "own_method"]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


class Own(Method):
    """A class of the tests."""

    config_class = Config


class Bare(Method):
    """A method that names no config."""


@dataclass(frozen=True)
class Clashing(Config):
    """A config with a key that all experiments have."""

    steps: int = 3


class Greedy(Method):
    """Its method."""

    config_class = Clashing


class Forgetful(Method):
    """A method that leaves the auxiliary head out of its loss."""

    config_class = Config

    def losses(self, step, progress):
        found = super().losses(step, progress)
        return type(found)(found.terms["task"], found.terms)


def test_the_example_is_a_method_by_its_entry_point(installed):
    experiment = tiny("focal", focus=1.5)
    assert (experiment.method, experiment.config.focus) == ("focal", 1.5)
    assert "focal" in methods.plugin_names()
    assert methods.is_method_name("focal")


def test_the_example_trains_and_resumes_by_its_import_path(installed):
    experiment = tiny("own_method:Method", steps=2, auxiliary_weight=0.4)
    run = train_experiment(experiment, installed / "run")
    assert "method: own_method:Method" in run.experiment.read_text()
    again = resolve_experiment(run.experiment, {"steps": 3})
    train_experiment(again, run.folder, StartOptions(resume=True, force=True))
    assert '"step": 3' in run.metrics.read_text()


@pytest.mark.slow
def test_the_example_trains_on_two_processes(installed):
    whole, resumed = two_processes(tiny("focal"), installed)
    assert whole == resumed


@pytest.mark.slow
def test_a_class_of_a_script_trains_on_two_processes(installed):
    script, out = installed / "script.py", installed / "run"
    script.write_text(SCRIPT % {**TINY, "width": 0.0625})
    words = [sys.executable, str(script), str(out)]
    done = subprocess.run(words, capture_output=True, text=True, env=ONE_THREAD, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert (out / "last").is_dir()
    with pytest.raises(ConfigError, match=r"script or notebook.*pass its class to train"):
        resolve_experiment(out / "experiment.yaml", {})


def test_a_class_takes_the_place_of_a_name(tmp_path):
    own, named = (tiny(method, selection="last") for method in (Own, "supervised"))
    assert own.method == f"{__name__}:Own"
    runs = [train_experiment(experiment, tmp_path / experiment.method[-3:]) for experiment in (own, named)]
    first, second = (file_sha256(run.last / "model.safetensors") for run in runs)
    assert first == second


def test_a_class_of_seglet_keeps_its_name():
    assert tiny(Method).method == "supervised"


def test_a_class_of_a_function_trains_and_is_not_found_again(tmp_path):
    class Local(Own):
        pass

    run = train_experiment(tiny(Local, steps=1), tmp_path / "run")
    with pytest.raises(ConfigError, match="defined in a function"):
        resolve_experiment(run.experiment, {})
    resumed = resolve_experiment(run.experiment, {"method": Local, "steps": 2})
    train_experiment(resumed, run.folder, StartOptions(resume=True, force=True))


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (
            "focl",
            r"no method 'focl'; did you mean 'focal'\?.*supervised.*packages add broken, focal.*module:Class",
        ),
        ("nowhere.at_all:Method", "No module named 'nowhere'; install the package it is in"),
        ("own_method:Mehtod", "own_method has no Mehtod"),
        ("broken", "'broken' of own-method cannot be imported from 'own_method:Gone'"),
        ("pathlib:Path", "no class that derives from seglet.methods.base.Method"),
        (Bare, "has no config; set `config_class` of Bare"),
        (Greedy, "Clashing: every experiment has a key 'steps'; rename it"),
    ],
)
def test_a_method_that_cannot_be_had_says_what_to_do(method, message, installed):
    with pytest.raises(ConfigError, match=message):
        tiny(method)


def test_parameters_without_part_in_the_loss_are_named():
    experiment = tiny(Forgetful)
    method = Forgetful.build(experiment.config, WORLD_CLASSES, 0)
    images = torch.rand(2, 3, 32, 32)
    method.student.network(images).logits.sum().backward()
    with pytest.raises(UnusedParametersError, match=r"such as 'student\.network\.auxiliary"):
        check_gradients(method)


def test_one_device_trains_what_two_refuse(tmp_path):
    assert train_experiment(tiny(Forgetful, auxiliary_weight=0.4), tmp_path / "run").last.is_dir()
