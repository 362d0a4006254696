"""Tiny foundation models made once for all tests of methods; nothing is downloaded."""

from pathlib import Path

import pytest
from tests.models.foundation import makers


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return makers.save_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="session")
def diffusion_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return makers.save_stable_diffusion(tmp_path_factory.mktemp("diffusion"))
