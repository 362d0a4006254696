"""CLIP-ES, AFA and WeCLIP through the engine, with miniatures: interrupted, resumed, and asked for masks from tags."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.engine.toys import tiny

from seglet.engine.train import StartOptions, train_experiment
from seglet.files import file_sha256
from seglet.inference.from_tags import open_method

CLIP: dict[str, Any] = {"clip_model": "tiny-clip", "prompts": "world", "par_steps": 1}
KEYS: dict[str, dict[str, Any]] = {
    "clip-es": {**CLIP, "student": "deeplabv2-resnet18", "refiner": "par", "confidence": 0.5},
    "afa": {"student": "segformer-mit_b0", "width": 0.25, "par_steps": 1, "label_start": 0.25, "walk_start": 0.5},
    "weclip": {**CLIP, "width": 0.125},
}


@pytest.mark.parametrize("method", KEYS)
def test_an_interrupted_run_resumes_to_the_same_weights(method: str, tmp_path: Path) -> None:
    chosen = tiny(method, selection="last", **{"world_scenes": 20, **KEYS[method]})
    train_experiment(chosen, tmp_path / "run")
    last = tmp_path / "run/checkpoints/step-0000002"
    whole = file_sha256(last / "tensors.safetensors")
    shutil.rmtree(last)
    train_experiment(chosen, tmp_path / "run", StartOptions(resume=True))
    assert file_sha256(last / "tensors.safetensors") == whole


def test_the_maps_of_a_run_are_rectified_by_its_decoder(tmp_path: Path) -> None:
    chosen = tiny("weclip", selection="last", refine_start=0.0, **{"world_scenes": 20, **KEYS["weclip"]})
    train_experiment(chosen, tmp_path / "run")
    method: Any = open_method(str(tmp_path / "run"), None, None, "cpu").method
    assert bool(method.rectifies)
