"""ViLaDiff through the engine: captions are computed and read in training, and a run resumes exactly."""

import json
import re
import runpy
from pathlib import Path

import pytest
import torch
from tests.engine.toys import tiny, two_processes
from tests.models.foundation.makers import save_captioner, save_clip

from seglet.cli.main import main
from seglet.data.columns.store import stored_columns
from seglet.data.errors import DataError
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine.columns import with_columns
from seglet.engine.datasets import open_datasets
from seglet.engine.experiment import Experiment
from seglet.engine.plan import plan_run
from seglet.engine.prepare import PrepareOptions, prepare_experiment
from seglet.engine.train import StartOptions, train_experiment
from seglet.engine.training_loader import first_batch
from seglet.files import file_sha256
from seglet.methods.viladiff import Method
from seglet.methods.viladiff.captions import GeneratedCaptions
from seglet.models.segmenter import load
from seglet.values import ConfigError

EXAMPLE = Path(__file__).parents[2] / "examples/score_pseudo_labels.py"
KEYS = {
    "train_split": "1_8/labelled",
    "student": "vila-clip_tiny",
    "width": 0.125,
    "batch": 2,
    "world_scenes": 16,
    "threshold": 0.1,
    "denoiser_width": 8,
    "denoiser_blocks": 1,
    "denoising_steps": 2,
    "text_width": 16,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Returns the folders of a random CLIP and of the columns."""
    base = tmp_path_factory.mktemp("viladiff")
    return {"text": str(save_clip(base / "clip")), "columns": str(base / "columns")}


def experiment(folders: dict[str, str], **keys: object) -> Experiment:
    return tiny("viladiff", **{**KEYS, "captions": "world", **folders, **keys})


def prepare(wanted: Experiment) -> dict[str, dict[str, str]]:
    """Computes the columns and returns the failed images by column."""
    done = prepare_experiment(wanted, PrepareOptions(torch.device("cpu"), batch=4), lambda line: None)
    return {one.name: one.failed for one in done}


@pytest.fixture(scope="module")
def ready(folders: dict[str, str]) -> dict[str, str]:
    assert prepare(experiment(folders)) == {"captions": {}, "caption-tokens": {}}
    return folders


def texts(folder: str) -> list[tuple[str, ...]]:
    """Returns all stored captions."""
    (store,) = [one for one in stored_columns(Path(folder)) if one.recipe.name == "captions"]
    return [store.read(place, address) for address, place in store.contents().locations.items()]  # type: ignore[misc]


def test_a_run_scores_teacher_student_and_refined_labels_and_estimates_its_cost_first(ready, tmp_path, capsys):
    run = train_experiment(experiment(ready, alarm_from=0.0), tmp_path / "run")
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    assert {"train/region", "train/better", "train/share/background"} <= lines[0].keys()
    assert {"val/miou", "student/miou", "refined/miou", "val/boundary_iou", "refined/boundary_iou"} <= lines[-1].keys()
    printed = capsys.readouterr().err
    assert "memory: about" in printed
    assert "no labelled image shows" in printed
    assert load(run.last).architecture.name == "vila-clip_tiny"


@pytest.mark.parametrize(
    ("keys", "rows"),
    [
        ({}, ["visual stream", "the same, refined", "its own captions", "another image's"]),
        ({"captions": None, "mix": "none"}, ["visual stream"]),
    ],
)
def test_the_example_prints_accuracy_and_confidence_of_pseudo_labels(keys, rows, ready, tmp_path, capsys):
    train_experiment(experiment(ready, **keys), tmp_path / "run")
    runpy.run_path(str(EXAMPLE))["main"](tmp_path / "run", most=3)
    rows_printed = [re.findall(r"^(.*?) +mIoU|([0-9.]+) %", line) for line in capsys.readouterr().out.splitlines()]
    assert [row[0][0] for row in rows_printed] == rows
    assert all(len(row) == 4 and 0 <= float(value) <= 100 for row in rows_printed for _, value in row[1:])
    runpy.run_path(str(EXAMPLE))["main"](tmp_path / "run", most=1, by_class=True)
    by_class = [line for line in capsys.readouterr().out.splitlines() if line.startswith("    ")]
    assert len(by_class) == len(rows) * len(WORLD_CLASSES)
    assert by_class[0].split(",")[0].strip() == "background"


def test_the_example_tries_captions_on_a_frozen_backbone_and_draws_both_features(ready, tmp_path, capsys):
    file = tmp_path / "captions.yaml"
    file.write_text(experiment(ready).yaml())
    check = runpy.run_path(str(EXAMPLE.with_name("caption_check.py")))["check_captions"]
    check(str(file), tmp_path / "run", {"steps": 1})
    lines = capsys.readouterr().out.splitlines()
    assert [re.split(r"  +", line)[0] for line in lines] == [
        "no captions", "its own captions", "another image's", "visual", "captions"
    ]  # fmt: skip
    assert all("<circle" in (tmp_path / "run" / f"{name}.svg").read_text() for name in ("visual", "captions"))


def test_the_denoiser_alone_learns_beside_a_student_that_stays_as_it_is(ready, tmp_path):
    first = train_experiment(experiment(ready, captions=None, mix="none"), tmp_path / "segmenter")
    alone = {"captions": None, "freeze_student": True, "student_weights": str(first.last), "refine": "recommended"}
    second = train_experiment(experiment(ready, **alone), tmp_path / "alone")
    before, after = (load(run.last).state_dict() for run in (first, second))
    assert all(torch.equal(value, before[name]) for name, value in after.items())
    scores = json.loads(second.metrics.read_text().splitlines()[-1])
    assert {"refined/miou", "refined/trusted", "refined/precision", "val/trusted/background"} <= scores.keys()


@pytest.mark.slow
def test_two_processes_share_a_step_and_resume_to_the_same_weights(ready, tmp_path):
    whole, again = two_processes(experiment(ready, batch=4, refine_start=0.0), tmp_path)
    assert again == whole


@pytest.mark.parametrize("keys", [{}, {"captions": None, "partner": "batch"}])
def test_an_interrupted_run_ends_with_the_same_weights(keys, ready, tmp_path, monkeypatch):
    wanted = experiment(ready, steps=4, selection="last", validate_every=4, **keys)
    whole, after = train_experiment(wanted, tmp_path / "whole"), Method.after_step

    def broken(self, progress):
        if progress.step == 3:
            raise RuntimeError("the power is gone")
        after(self, progress)

    monkeypatch.setattr(Method, "after_step", broken)
    with pytest.raises(RuntimeError, match="power"):
        train_experiment(wanted, tmp_path / "part")
    monkeypatch.setattr(Method, "after_step", after)
    resumed = train_experiment(wanted, tmp_path / "part", StartOptions(resume=True))
    assert file_sha256(resumed.last / "model.safetensors") == file_sha256(whole.last / "model.safetensors")


def test_both_kinds_of_images_come_with_their_captions(ready):
    wanted = experiment(ready)
    data = with_columns(wanted, open_datasets(wanted.settings, wanted.config)["1_8/labelled"])
    step = first_batch(wanted, data, 2, Method.supervision)
    assert step.labelled.columns["caption-tokens"].shape[2] == 16
    assert step.unlabelled.columns["caption-tokens.length"].min() > 2


def test_the_worlds_captions_are_those_of_its_scenes(ready):
    world = World("train", 16, 32)
    assert sorted(texts(ready["columns"])) == sorted((world.scene(i).caption,) for i in range(16))


def test_missing_captions_stop_a_run_at_once_and_name_the_command(folders, tmp_path):
    with pytest.raises(ConfigError, match=r"'caption-tokens' lacks 16 of 16 images(.|\n)*seglet prepare viladiff"):
        train_experiment(experiment(folders, columns=str(tmp_path)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_caption_file_may_have_any_order_and_missing_images_are_named(folders, tmp_path):
    names = [f"train-{place:06d}" for place in range(16)]
    (tmp_path / "own.csv").write_text("id,caption\n" + "".join(f"{name},a dog\n" for name in reversed(names[1:])))
    keys = {"captions": str(tmp_path / "own.csv"), "columns": str(tmp_path / "columns")}
    failed = prepare(experiment(folders, **keys))
    assert list(failed["captions"]) == ["train-000000"]
    assert "no caption of 'train-000000' in" in failed["captions"]["train-000000"]
    assert set(texts(keys["columns"])) == {("a dog",)}
    neutral = {**keys, "captions_missing": "neutral", "columns": str(tmp_path / "neutral")}
    assert prepare(experiment(folders, **neutral)) == {"captions": {}, "caption-tokens": {}}
    assert sorted(set(texts(neutral["columns"]))) == [("",), ("a dog",)]


@pytest.mark.parametrize(("says", "caption"), [("dog", "dog dog dog"), ("[SEP]", "")])
def test_a_captioner_answers_each_prompt_and_empty_captions_are_kept(says, caption, folders, tmp_path):
    captioner = save_captioner(tmp_path / "captioner", "git", says)
    keys = {**folders, "captions": str(captioner), "columns": str(tmp_path / "columns")}
    wanted = experiment(keys, caption_length=3, caption_beams=2, caption_prompts=("a photo", "a photo of a"))
    assert prepare(wanted) == {"captions": {}, "caption-tokens": {}}
    assert set(texts(keys["columns"])) == {(caption, caption)}
    sets = open_datasets(wanted.settings, wanted.config)
    with_columns(wanted, sets["1_8/labelled"])  # the neutral sentence has tokens


def test_beams_are_part_of_a_columns_address_once_there_are_several():
    one, five = (GeneratedCaptions("git", ("a photo",), 3, "float32", beams) for beams in (1, 5))
    assert "beams" not in one.settings()  # as columns were addressed before
    assert five.settings() == {**one.settings(), "beams": 5}


def test_an_audit_counts_captions_over_all_images(ready, tmp_path, capsys):
    words = [word for key, value in {**KEYS, **ready}.items() for word in (f"--{key}", str(value))]
    size = ["--world_size", "32", "--crop", "32", "--captions", "world"]
    assert main(["prepare", "viladiff", *words, *size, "--audit", str(tmp_path / "a.html"), "--count", "2"]) == 0
    assert "captions: 16 captions of 16 images: 0 empty, 0 junk" in (tmp_path / "a.html").read_text()


@pytest.mark.parametrize("pooled", [False, True])
def test_pooled_captions_are_one_vector_each(pooled, folders, tmp_path):
    wanted = experiment(folders, columns=str(tmp_path), text_pooled=pooled, text_width=8 if pooled else 16)
    prepare(wanted)
    data = with_columns(wanted, open_datasets(wanted.settings, wanted.config)["1_8/labelled"])
    step = first_batch(wanted, data, 2, Method.supervision)
    assert step.labelled.columns["caption-tokens"].shape[2] == (8 if pooled else 16)
    assert bool((step.labelled.columns["caption-tokens.length"] == 1).all()) is pooled


def test_labelled_images_among_the_unlabelled_are_refused_with_columns_too(ready, tmp_path):
    with pytest.raises(DataError, match="also labelled, such as 'train-000000'"):
        train_experiment(experiment(ready, unlabelled_split="train"), tmp_path / "run")


def test_one_labelled_image_is_enough(ready, tmp_path):
    assert train_experiment(experiment(ready, train_split="1/labelled", steps=1), tmp_path / "run").last.is_dir()


def test_a_plan_notes_the_learning_rate_scaled_by_the_batch(ready):
    notes = plan_run(experiment(ready, rate_batch=1)).notes
    assert "learning rate: 0.04, the 0.02 asked for times 2, because a step has 2 images" in notes
