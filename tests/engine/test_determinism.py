"""The same training again, with other loading processes, and with another seed of Python's hashes: the same weights.

Two processes twice: `test_resume.py`, where one of the two runs is also interrupted.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.engine.toys import ONE_THREAD, tiny

from seglet.engine.train import train_experiment
from seglet.files import file_sha256

KEYS = {"student": "deeplabv3-resnet18", "scale": [0.75, 1.5], "selection": "last"}


def weights(out: Path, **keys: object) -> str:
    """The digest of the weights of a short training in this process."""
    train_experiment(tiny(**KEYS, **keys), out)
    return file_sha256(out / "last/model.safetensors")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    return weights(tmp_path_factory.mktemp("whole") / "run")


def test_the_same_training_twice(whole: str, tmp_path: Path) -> None:
    assert weights(tmp_path / "run") == whole


@pytest.mark.parametrize("workers", [1, 2])
def test_with_other_loading_processes(workers: int, whole: str, tmp_path: Path) -> None:
    assert weights(tmp_path / "run", workers=workers) == whole


def test_another_seed_is_another_training(whole: str, tmp_path: Path) -> None:
    assert weights(tmp_path / "run", seed=1) != whole


@pytest.mark.slow
def test_with_another_seed_of_hashes(whole: str, tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text(tiny(**KEYS).yaml())
    words = [sys.executable, "-m", "seglet", "train", str(tmp_path / "e.yaml"), "--out", str(tmp_path / "run")]
    environment = {**os.environ, **ONE_THREAD, "PYTHONHASHSEED": "7"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert file_sha256(tmp_path / "run/last/model.safetensors") == whole
