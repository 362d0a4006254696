"""DiCLIP through the engine: prepared, trained and resumed, with tiny models."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.foundation import makers

from seglet.engine.artefacts import make_artefact, needed_artefacts
from seglet.engine.datasets import training_data
from seglet.engine.experiment import Experiment, resolve_experiment
from seglet.engine.prepare import PrepareOptions, prepare_experiment
from seglet.engine.train import StartOptions, train_experiment
from seglet.files import file_sha256
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
