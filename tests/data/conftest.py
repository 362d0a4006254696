"""Keeps what checks remember out of the user's home."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that stands in for the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SEGLET_CACHE", str(folder))
    return folder
