"""Training with columns: what is missing is reported before, and a resumed run reads the same."""

import json
import shutil

import pytest
import torch
from tests.engine.columned import install
from tests.engine.toys import tiny

from seglet.engine.checkpoint import checkpoint_name
from seglet.engine.columns import columns_folder, prepare_command, with_columns
from seglet.engine.datasets import training_data
from seglet.engine.experiment import resolve_experiment
from seglet.engine.failed_step import replay_failed_step
from seglet.engine.module import NonFiniteLossError
from seglet.engine.plan import plan_run
from seglet.engine.prepare import PrepareOptions, prepare_experiment
from seglet.engine.settings import Settings
from seglet.engine.train import StartOptions, train_experiment
from seglet.engine.training_loader import first_batch
from seglet.files import file_sha256
from seglet.types import Labelled, Losses
from seglet.values import ConfigError


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with the columns of the small world."""
    patch = pytest.MonkeyPatch()
    install(patch)
    root = tmp_path_factory.mktemp("prepared")
    fill(tiny("columned", columns=str(root)))
    yield root
    patch.undo()


@pytest.fixture
def root(prepared, tmp_path):
    return shutil.copytree(prepared, tmp_path / "columns")


def fill(experiment):
    assert not any(
        one.failed for one in prepare_experiment(experiment, PrepareOptions(torch.device("cpu"), 64), lambda text: None)
    )


def experiment(root, **keys):
    return tiny("columned", columns=str(root), **keys)


def test_a_step_carries_what_the_method_reads(root):
    settings = experiment(root).settings
    data = with_columns(experiment(root), training_data(settings))
    step = first_batch(experiment(root), data, 4, Labelled)
    assert set(step.columns) == {"depth", "histogram", "spelling", "spelling.length"}
    assert step.columns["depth"].shape == (4, 32, 32)
    assert [texts[0].endswith(name) for texts, name in zip(step.texts["caption"], step.ids, strict=True)] == [True] * 4


def test_a_column_the_config_turns_off_is_not_in_the_step(root):
    without = experiment(root, depth="false")
    step = first_batch(without, with_columns(without, training_data(without.settings)), 2, Labelled)
    assert "depth" not in step.columns


def test_a_column_that_nothing_reads_is_a_mistake(root, monkeypatch):
    from seglet.methods.columned import Method

    monkeypatch.setattr(Method, "columns", ("depht", "histogram", "spelling", "caption"))
    with pytest.raises(ValueError, match="nothing reads column 'depth'"):
        with_columns(experiment(root), training_data(experiment(root).settings))


def test_a_method_without_columns_sees_the_very_same_data():
    data = training_data(tiny().settings)
    assert with_columns(tiny(), data) is data


@pytest.fixture(scope="module")
def whole(prepared, tmp_path_factory):
    run = train_experiment(experiment(prepared, steps=4), tmp_path_factory.mktemp("whole") / "run")
    return file_sha256(run.last / "model.safetensors")


def test_a_resumed_run_ends_with_the_same_weights(root, whole, tmp_path):
    run = train_experiment(experiment(root, steps=4), tmp_path / "run")
    for step in (3, 4):
        shutil.rmtree(run.checkpoints / checkpoint_name(step), ignore_errors=True)
    shutil.rmtree(run.last)
    moved = shutil.copytree(root, tmp_path / "moved")
    train_experiment(experiment(moved, steps=4, workers=2), run.folder, StartOptions(resume=True))
    assert file_sha256(run.last / "model.safetensors") == whole


def test_a_run_is_not_resumed_on_other_values(root, tmp_path):
    run = train_experiment(experiment(root, steps=1), tmp_path / "run")
    record = json.loads(run.record.read_text())
    plain = training_data(experiment(root).settings).fingerprint
    assert record["data"]["train"] != plain
    record["data"]["train"] = plain
    run.record.write_text(json.dumps(record))
    with pytest.raises(ConfigError, match="the images, masks or columns have changed"):
        train_experiment(experiment(root, steps=1), run.folder, StartOptions(resume=True))


def test_a_missing_column_is_reported_with_the_command_before_anything_is_written(prepared, tmp_path):
    with pytest.raises(ConfigError, match="seglet prepare columned") as raised:
        train_experiment(experiment(tmp_path / "none"), tmp_path / "run")
    assert "column 'depth' lacks 100 of 100 images" in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_a_dry_run_reports_it_too(prepared, tmp_path):
    with pytest.raises(ConfigError, match="seglet prepare columned"):
        plan_run(experiment(tmp_path / "none"))


def test_an_incomplete_column_is_reported(root):
    (caption,) = root.glob("caption-*")
    next(caption.glob("*.safetensors")).write_bytes(b"")
    with pytest.raises(ConfigError, match=r"'caption' lacks 100 of 100 images .*; 1 of its files are damaged"):
        with_columns(experiment(root), training_data(experiment(root).settings))


def test_more_images_are_reported(root):
    more = experiment(root, world_scenes=103)
    with pytest.raises(ConfigError, match="'depth' lacks 3 of 103 images"):
        with_columns(more, training_data(more.settings))


def test_a_column_made_otherwise_says_what_differs(root):
    other = experiment(root, bins=8, weights="rough")
    with pytest.raises(ConfigError) as raised:
        with_columns(other, training_data(other.settings))
    assert "one is there, but weights was 'exact', is 'rough'" in str(raised.value)
    assert "one is there, but bins was 4, is 8" in str(raised.value)
    assert "caption" not in str(raised.value)


def test_the_command_has_the_keys_that_decide(prepared, tmp_path):
    file = tmp_path / "my experiment.yaml"
    file.write_text("method: columned\nworld_size: 32\n")
    given = resolve_experiment(file, {"bins": "8", "crop": ["16", "16"], "batch": 2})
    assert prepare_command(given) == f"seglet prepare '{file}' --bins 8"


def test_columns_are_kept_beside_the_data(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLET_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    assert columns_folder(Settings(data=str(tmp_path / "data"))) == tmp_path / "data/.seglet/columns"
    assert columns_folder(Settings()) == tmp_path / "cache/world/columns"
    assert columns_folder(Settings(columns="there")).name == "there"
    (tmp_path / "data").chmod(0o555)
    assert columns_folder(Settings(data=str(tmp_path / "data"))).is_relative_to(tmp_path / "cache")


def test_a_step_with_texts_can_be_replayed(root, tmp_path, monkeypatch):
    from seglet.methods.columned import Method

    def broken(self, step, progress):
        words = sum(len(texts[0]) for texts in step.texts["caption"]) + step.columns["spelling.length"].sum()
        return Losses(next(self.student.parameters()).sum() * float("nan"), {"words": words.float()})

    monkeypatch.setattr(Method, "losses", broken)
    with pytest.raises(NonFiniteLossError):
        train_experiment(experiment(root), tmp_path / "run")
    from seglet.engine.run import Run

    assert replay_failed_step(Run(tmp_path / "run")).losses.terms["words"] > 0
