import json
import math
import signal
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from tests.data.disk import mask, save, text
from tests.engine.toys import tiny

from seglet.cli.main import main
from seglet.data.dataset import Dataset
from seglet.data.loading.loaders import evaluation_samples
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine import train as training
from seglet.engine.checkpoint import CheckpointError, checkpoint_steps, load_newest_checkpoint
from seglet.engine.method_setup import build_method
from seglet.engine.module import NonFiniteLossError, TrainingModule
from seglet.engine.plan import plan_run
from seglet.engine.train import StartOptions, train_experiment
from seglet.engine.trainer import LostProcessError
from seglet.engine.validation import validation_scores
from seglet.evaluation.evaluate import evaluate_samples
from seglet.evaluation.options import EvaluationOptions
from seglet.files import file_sha256
from seglet.images import WhiteLevels
from seglet.methods.supervised import Method
from seglet.models.segmenter import Architecture, build, load
from seglet.types import Losses
from seglet.values import ConfigError


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return train_experiment(tiny(), tmp_path_factory.mktemp("runs") / "run")


def test_a_run_leaves_everything_that_belongs_to_it(finished):
    names = {path.name for path in finished.folder.iterdir()}
    assert names == {"experiment.yaml", "record.json", "metrics.jsonl", "samples", "checkpoints", "model", "last"}
    assert {path.name for path in finished.samples.iterdir()} == {"training.png", "validation.png"}
    record = json.loads(finished.record.read_text())
    assert record["data"].keys() == {"train", "val"}
    assert record["versions"].keys() >= {"torch", "seglet", "python", "transformers", "diffusers"}
    assert record["device"]["name"].startswith("cpu")
    assert record["device"]["peak_memory"] > 2**27  # torch alone takes more


def test_the_segmenter_of_a_run_can_be_used(finished):
    assert load(finished.model).classes == WORLD_CLASSES


def test_metrics_are_one_json_object_a_line(finished):
    lines = [json.loads(line) for line in finished.metrics.read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 2]
    assert "val/miou" in lines[-1]
    assert "val/ece_10" in lines[-1]


def test_a_finished_run_is_not_overwritten_by_accident(finished):
    with pytest.raises(ConfigError, match="--resume"):
        train_experiment(tiny(), finished.folder)
    assert finished.model.is_dir()


def test_the_resolved_experiment_does_the_same_again(finished):
    from seglet.engine.experiment import resolve_experiment

    assert resolve_experiment(finished.experiment, {}).values() == tiny().values()


def test_accumulated_micro_batches_make_one_step(tmp_path):
    run = train_experiment(tiny(batch=4, accumulate=2), tmp_path / "run")
    assert checkpoint_steps(run.checkpoints) == [1, 2]


def test_bfloat16_trains(tmp_path):
    run = train_experiment(tiny(precision="bf16-mixed"), tmp_path / "run")
    assert load(run.last).network.head.tail.classifier.weight.dtype == torch.float32


def test_the_segmenter_scales_images_as_the_data_set_that_it_learned_from(tmp_path):
    text(tmp_path / "classes.txt", "road", "car")
    for number, largest in enumerate((900, 4000)):  # of 12 bits in 16
        save(tmp_path / f"images/{number}.png", np.full((32, 32), largest, np.uint16))
        mask(tmp_path / f"masks/{number}.png", 0, 1, size=(32, 32))
    splits = {"data": str(tmp_path), "train_split": "all", "val_split": "all", "pretrained": "none"}
    run = train_experiment(tiny(**splits, steps=1, validate_every=1, batch=2), tmp_path / "run")
    for folder in (run.model, run.last):
        assert load(folder).architecture.whites == WhiteLevels(integers=4095)


def test_seeds_give_other_weights_and_equal_seeds_equal_ones():
    data = World(scenes=1)
    weights = [next(build_method(tiny(seed=seed), data).parameters()) for seed in (1, 1, 2)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.fixture
def foreign_teacher(tmp_path):
    from seglet.types import Classes

    two = Classes(("sky", "road"), ((0, 0, 0), (9, 9, 9)))
    build(Architecture("deeplabv3-resnet18", width=0.0625), two).save(tmp_path / "teacher")
    return str(tmp_path / "teacher")


def test_a_teacher_that_shares_no_class_is_refused_before_anything_is_written(tmp_path, foreign_teacher):
    with pytest.raises(ValueError, match="shares 0 of the data's classes"):
        train_experiment(tiny("fotf", teacher=foreign_teacher), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_thrown_away_for_one_that_cannot_begin(tmp_path, foreign_teacher):
    run = train_experiment(tiny(steps=1), tmp_path / "run")
    with pytest.raises(ValueError, match="shares 0 of the data's classes"):
        train_experiment(tiny("fotf", teacher=foreign_teacher), run.folder, StartOptions(overwrite=True))
    assert load(run.last).classes == WORLD_CLASSES


def test_a_split_without_masks_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    read = World.read
    monkeypatch.setattr(World, "read", lambda self, index: replace(read(self, index), labels=None))
    with pytest.raises(ConfigError, match="'train' have no masks"):
        train_experiment(tiny(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_died_before_its_first_checkpoint_resumes_from_the_start(finished, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Method, "losses", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train_experiment(tiny(), tmp_path / "run")
    resumed = train_experiment(tiny(), tmp_path / "run", StartOptions(resume=True))
    assert file_sha256(resumed.last / "model.safetensors") == file_sha256(finished.last / "model.safetensors")


def test_scores_that_are_no_numbers_still_keep_a_model_and_valid_json(tmp_path, monkeypatch):
    nothing = dict.fromkeys(("miou", "ece_10"), math.nan)
    monkeypatch.setattr(training, "validation_scores", lambda *_: nothing)
    run = train_experiment(tiny(), tmp_path / "run")
    assert load(run.model).classes == WORLD_CLASSES
    lines = run.metrics.read_text().splitlines()
    assert json.loads(lines[-1], parse_constant=pytest.fail) == {"step": 2, "val/miou": None, "val/ece_10": None}


class Few(Dataset):
    """The first four images of a data set."""

    def __init__(self, data):
        self.data, self.classes, self.fingerprint = data, data.classes, data.fingerprint
        self.ids = tuple(data.ids[index] for index in range(4))

    def read(self, index):
        return self.data.read(index)


def test_validation_slides_windows_as_evaluation_does(monkeypatch):
    experiment, data = tiny(val_batch=3, val_window=(16, 20), val_stride=(16, 12)), Few(World("val", size=32))
    method, seen = build_method(experiment, data).eval(), []
    module = TrainingModule(method, experiment.settings)
    monkeypatch.setattr(TrainingModule, "trainer", types.SimpleNamespace(world_size=1))
    found = validation_scores(module, data, lambda images: seen.append(tuple(images.shape)) or method.predict(images))
    windows = EvaluationOptions(3, (16, 20), (16, 12), replicas=0)
    assert found == evaluate_samples(method.predict, evaluation_samples(data), data.classes, windows).scores()
    assert seen == [(3, 3, 16, 20)] * 4 + [(1, 3, 16, 20)] * 4


def test_a_forced_change_of_the_optimiser_is_heeded(tmp_path):
    run = train_experiment(tiny(steps=1), tmp_path / "run")
    train_experiment(tiny(weight_decay=0.5), run.folder, StartOptions(resume=True, force=True))
    _, state = load_newest_checkpoint(run.checkpoints)
    assert state["optimiser"]["param_groups"][0]["weight_decay"] == 0.5


@pytest.mark.parametrize("keys", [{"optimiser": "adamw"}, {"width": 0.125}])
def test_a_checkpoint_that_cannot_serve_the_forced_change_is_refused(tmp_path, keys):
    run = train_experiment(tiny(steps=1), tmp_path / "run")
    with pytest.raises(CheckpointError, match="--overwrite"):
        train_experiment(tiny(**keys), run.folder, StartOptions(resume=True, force=True))


def test_training_works_beside_the_main_thread(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(train_experiment, tiny(steps=1), tmp_path / "run").result()
    assert load(run.last).classes == WORLD_CLASSES


def test_a_second_ctrl_c_ends_at_once_and_is_reported_as_such(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Method, "losses", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_experiment(tiny(), tmp_path / "run")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Lightning leaves it ignored


def test_a_diverged_run_is_no_fault_of_ours(tmp_path, monkeypatch, capsys):
    def broken(self, step, progress):
        return Losses(next(self.student.parameters()).sum() * float("inf"), {})

    monkeypatch.setattr(Method, "losses", broken)
    words = "--width 0.0625 --world_size 32 --crop 32 --batch 4 --workers 0 --world_scenes 100 --steps 1"
    assert main(["train", "supervised", *words.split(), "--out", str(tmp_path / "run")]) == 2
    assert "lower learning_rate" in capsys.readouterr().err


def test_a_loss_that_is_not_a_number_stops_training_and_keeps_the_batch(tmp_path, monkeypatch):
    def broken(self, step, progress):
        total = next(self.student.parameters()).sum() * float("nan")
        return Losses(total, {"task": total.detach(), "fine": torch.ones(())})

    monkeypatch.setattr(Method, "losses", broken)
    with pytest.raises(NonFiniteLossError, match="not finite: task; samples train-"):
        train_experiment(tiny(), tmp_path / "run")
    (kept,) = (tmp_path / "run" / "failed-batch").iterdir()
    assert {path.name for path in kept.iterdir()} == {"step.json", "batch.safetensors", "method.safetensors"}


def test_a_full_disk_costs_no_earlier_checkpoint(tmp_path, monkeypatch):
    run = train_experiment(tiny(steps=1), tmp_path / "run")

    def full(*_):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        train_experiment(tiny(steps=3), run.folder, StartOptions(resume=True, force=True))
    assert load_newest_checkpoint(run.checkpoints)[0] == 1


def test_a_folder_that_cannot_be_written_is_reported_before_training(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="choose another --out"):
        train_experiment(tiny(), tmp_path / "file" / "run")


def test_a_plan_counts_and_measures_without_writing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = plan_run(tiny(kappa=3, method="fotf"))
    assert made.samples == {"val": 100, "train": 100}
    assert made.trained == sum(
        p.numel() for p in build(Architecture("deeplabv3-resnet18", width=0.0625), WORLD_CLASSES).parameters()
    )
    assert made.memory > 16 * made.trained / 2
    assert made.seconds_per_step > 0
    assert "kappa" in made.text()
    assert "command line" in made.text()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="only where there is no GPU can it be missing")
@pytest.mark.parametrize("keys", [{"accelerator": "gpu"}, {"precision": "16-mixed"}, {"sync_bn": True}])
def test_missing_hardware_is_reported_before_anything_is_written(tmp_path, keys):
    with pytest.raises(ConfigError, match=next(iter(keys))):
        train_experiment(tiny(**keys), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loading_process_that_dies_wherever_the_run_is_is_named(tmp_path, monkeypatch):
    def die(*_):
        try:
            raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")
        except RuntimeError as error:
            raise RuntimeError("something else failed") from error

    monkeypatch.setattr(Method, "losses", die)
    with pytest.raises(LostProcessError, match=r"a loading process died .*lower --workers"):
        train_experiment(tiny(), tmp_path / "run")
