"""Tiny models made once for all tests, and loaded the way the real ones are; nothing is downloaded."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.models.foundation import makers

from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.stable_diffusion import StableDiffusion


@pytest.fixture(autouse=True, scope="session")
def _offline() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return makers.save_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="session")
def clip(clip_folder: Path) -> ImageTextEncoder:
    return ImageTextEncoder.load(clip_folder)


@pytest.fixture(scope="session")
def diffusion_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return makers.save_stable_diffusion(tmp_path_factory.mktemp("diffusion"))


@pytest.fixture(scope="session")
def diffusion(diffusion_folder: Path) -> StableDiffusion:
    return StableDiffusion.load(diffusion_folder)


@pytest.fixture(scope="session")
def depth_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("depth")
    return {kind: makers.save_depth(place / kind, kind) for kind in ("depth_anything", "dpt", "zoedepth")}


@pytest.fixture(scope="session")
def captioner_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("captioner")
    return {kind: makers.save_captioner(place / kind, kind) for kind in ("blip-2", "blip", "git")}
