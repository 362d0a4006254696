"""DiCLIP through the engine: prepared, trained and resumed, with tiny models."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.models.foundation import makers

from seglet.engine.artefacts import make_artefact, needed_artefacts
from seglet.engine.columns import needed_columns
from seglet.engine.datasets import training_data
from seglet.engine.experiment import Experiment, resolve_experiment
from seglet.engine.prepare import PrepareOptions, prepare_experiment
from seglet.engine.train import StartOptions, train_experiment
from seglet.files import file_sha256, read_json
from seglet.images import read_image
from seglet.models.foundation.loading import dtype_on_device
from seglet.values import ConfigError

TINY: dict[str, Any] = {
    "method": "diclip", "clip_model": "tiny-clip", "prompts": "world", "width": 0.125, "world_size": 32,
    "world_scenes": 24, "crop": [32, 32], "batch": 4, "steps": 4, "validate_every": 4, "checkpoint_every": 2,
    "workers": 0, "selection": "last", "accelerator": "cpu", "attention_grid": [4, 4], "attention_rank": 8,
    "cache_from": "generated", "cache_images": 1, "cache_size": 32, "cache_centroids": 1, "adapter_prompts": 2,
    "generator_steps": 1, "generator_prompt": "a photo of a {}", "par_steps": 2, "online_keys": 2,
    "online_start": 0.0, "online_confidence": 0.2, "schedule": "poly-warmup", "warmup": 2, "head_rate": 10.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def diffusion(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(makers.save_stable_diffusion(tmp_path_factory.mktemp("diffusion")))


def experiment(diffusion: str, columns: Path, **changes: Any) -> Experiment:
    keys = {**TINY, "diffusion": [diffusion], "generator": diffusion, "columns": str(columns), **changes}
    return resolve_experiment(None, keys)


def prepare(chosen: Experiment) -> list[str]:
    notes: list[str] = []
    data = training_data(chosen.settings)
    work = PrepareOptions(torch.device("cpu"))
    prepare_experiment(chosen, work, notes.append)
    for kept in needed_artefacts(chosen, data):
        if not kept.exists:
            make_artefact(kept, data, work.device, notes.append)
    return notes


def test_an_interrupted_run_resumes_to_the_same_weights(diffusion: str, tmp_path: Path) -> None:
    chosen = experiment(diffusion, tmp_path / "columns")
    prepare(chosen)
    train_experiment(chosen, tmp_path / "run")
    whole = file_sha256(tmp_path / "run" / "checkpoints" / "step-0000004" / "tensors.safetensors")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-0000004")
    train_experiment(chosen, tmp_path / "run", StartOptions(resume=True))
    assert file_sha256(tmp_path / "run" / "checkpoints" / "step-0000004" / "tensors.safetensors") == whole
    assert not list((tmp_path / "run").rglob("*.pth"))


def test_validations_score_the_maps_of_training_images_with_their_columns(diffusion: str, tmp_path: Path) -> None:
    chosen = experiment(diffusion, tmp_path / "columns", scored_maps=6, validate_every=2, cache_from="real")
    prepare(chosen)
    run = train_experiment(chosen, tmp_path / "run")
    assert set(run.costs()) == {"offline", "online"}
    assert set(read_json(run.record)["cost"]["offline"]) == {"attention", "cache"}
    lines = [line for line in run.read_metrics() if "maps/miou" in line]
    assert [line["step"] for line in lines] == [2, 4]
    assert all(0 < line["maps/miou"] < 1 and 0 <= line["maps/threshold"] < 1 for line in lines)


def test_training_names_the_command_that_makes_a_missing_artefact(diffusion: str, tmp_path: Path) -> None:
    chosen = experiment(diffusion, tmp_path / "columns")
    with pytest.raises(ConfigError, match=r"'cache' is not in .*\n.*seglet prepare diclip"):
        train_experiment(chosen, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_other_keys_of_the_cache_make_another_cache_of_the_same_images(diffusion: str, tmp_path: Path) -> None:
    prepare(experiment(diffusion, tmp_path, attention="identity"))
    notes = prepare(experiment(diffusion, tmp_path, attention="identity", cache_weighted=False))
    assert len(list(tmp_path.glob("cache-*"))) == 2
    assert len(list(tmp_path.glob("generated-*"))) == 1
    assert not any("generates" in note for note in notes)


def test_a_cache_of_the_users_images_depends_on_these_images(diffusion: str, tmp_path: Path) -> None:
    keys = {"cache_from": "real", "attention": "identity"}
    few, more = (experiment(diffusion, tmp_path, world_scenes=scenes, **keys) for scenes in (24, 25))
    places = [needed_artefacts(chosen, training_data(chosen.settings))[0].folder for chosen in (few, more, few)]
    assert places[0] != places[1]
    assert places[0] == places[2]


def test_clip_reads_the_classes_before_an_image_is_generated(
    diffusion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise ValueError("CLIP is not there")

    monkeypatch.setattr("seglet.methods.diclip.method.ImageTextEncoder.load", refuse)
    with pytest.raises(ValueError, match="CLIP is not there"):
        prepare(experiment(diffusion, tmp_path, attention="identity"))
    assert not list(tmp_path.rglob("*.png"))


def generated(chosen: Experiment) -> list[Path]:
    (kept,) = needed_artefacts(chosen, training_data(chosen.settings))
    (folder,) = kept.artefact.kept_folders(kept.folder.parent)
    return sorted(folder.rglob("*.png"))


def test_a_rejected_image_is_generated_with_another_seed_for_another_cache(diffusion: str, tmp_path: Path) -> None:
    chosen = experiment(diffusion, tmp_path, attention="identity", cache_classes=0.2)
    prepare(chosen)
    first = generated(chosen)[0]
    before = read_image(first)
    first.unlink()
    notes = prepare(chosen)
    assert any("1 of them again because they were deleted" in note for note in notes)
    assert not np.array_equal(read_image(first), before)
    assert len(list(tmp_path.glob("cache-*"))) == 2
    assert prepare(chosen) == []


def test_a_cache_of_the_users_folders_needs_no_generator(diffusion: str, tmp_path: Path) -> None:
    for name, colour in (("ball", "white"), ("Box", "yellow")):
        (tmp_path / "own" / name).mkdir(parents=True)
        Image.new("RGB", (32, 32), colour).save(tmp_path / "own" / name / "1.png")
    keys = {"attention": "identity", "cache_from": "folder", "generator": "nowhere"}
    chosen = experiment(diffusion, tmp_path, **keys, cache_folder=str(tmp_path / "own"), cache_classes=0.3)
    assert any("tent: no usable image" in note for note in prepare(chosen))
    Image.new("RGB", (32, 32), "blue").save(tmp_path / "own" / "ball" / "1.png")
    prepare(chosen)
    assert len(list(tmp_path.glob("cache-*"))) == 2
    wrong = experiment(diffusion, tmp_path, **keys, cache_folder=str(tmp_path))
    with pytest.raises(ValueError, match="expected folders with images that are called like classes: "):
        prepare(wrong)


def test_training_says_how_a_stale_cache_was_made(diffusion: str, tmp_path: Path) -> None:
    prepare(experiment(diffusion, tmp_path / "columns", attention="identity", cache_classes=0.1))
    other = experiment(
        diffusion, tmp_path / "columns", attention="identity", generator_steps=2, groups=3, cache_classes=0.1
    )
    message = r"one is there, but generator_steps was 1, is 2, groups was 9, is 3\n"
    with pytest.raises(ConfigError, match=message):
        train_experiment(other, tmp_path / "run")


def test_generating_shows_its_progress_and_an_estimate(
    diffusion: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(experiment(diffusion, tmp_path, attention="identity", generator_batch=8, cache_classes=0.9))
    shown = capsys.readouterr().err
    assert "generate images: 9 images, about " in shown
    assert "generate images: 9/9 images (100 %)" in shown


def test_half_precision_is_the_default_on_a_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert dtype_on_device("auto", torch.device("cuda")) == torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert dtype_on_device("auto", torch.device("cuda")) == torch.float16
    assert dtype_on_device("auto", torch.device("cpu")) == torch.float32
    assert dtype_on_device("float32", torch.device("cuda")) == torch.float32


def test_the_key_of_attention_has_the_commit_of_a_model_of_the_hub(
    diffusion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, place = "0123456789abcdef0123456789abcdef01234567", tmp_path / "hub" / "models--acme--sd"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    classes = training_data(experiment(diffusion, tmp_path).settings).classes
    chosen = experiment("acme/sd", tmp_path, cache_from="none", online_keys=0)
    (absent,) = needed_columns(chosen, classes)
    shutil.copytree(diffusion, place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    (there,) = needed_columns(chosen, classes)
    assert (absent.store.recipe.identity, there.store.recipe.identity) == ("acme/sd", f"acme/sd@{commit}")
    there.producer.load(torch.device("cpu"))
    there.store.begin()
    shutil.rmtree(place)  # as on a machine that only trains
    assert needed_columns(chosen, classes)[0].store.folder == there.store.folder
    other = experiment(f"acme/sd@{commit[::-1]}", tmp_path, cache_from="none", online_keys=0)
    assert needed_columns(other, classes)[0].store.folder != there.store.folder
