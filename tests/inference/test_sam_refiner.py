"""The refiner sam: votes within SAM's segments, in the options, in Python and in the commands."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.foundation.concept_makers import save_promptable

import seglet
from seglet.cli.main import main
from seglet.inference import refine as refinement
from seglet.inference.options import Refiner
from seglet.inference.refine import refine_scores
from seglet.inference.segments import SegmentSource


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_promptable(tmp_path_factory.mktemp("sam2"), "sam2"))


@pytest.fixture(autouse=True)
def _forget_networks() -> None:
    refinement._sam.cache_clear()


def test_a_segment_has_the_mean_of_its_pixels(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    left = torch.tensor([[[True, True, False]]])
    monkeypatch.setattr(SegmentSource, "segments", lambda self, image: left)
    scores = np.array([[[0.9, 0.2, 0.3]], [[0.1, 0.8, 0.7]]], np.float32)
    refined = refine_scores(scores, np.zeros((1, 3, 3), np.uint8), Refiner("sam", model=folder))
    np.testing.assert_allclose(refined[0], [[0.55, 0.55, 0.3]], rtol=1e-6)


def test_the_network_makes_segments_of_the_size_of_the_image_and_is_loaded_once(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    scores = np.full((2, 40, 60), 0.5, np.float32)
    for _ in range(2):
        refined = seglet.refine(scores, image, "sam", sam_model=folder)
    np.testing.assert_allclose(refined.sum(axis=0), 1, rtol=1e-5)
    assert capsys.readouterr().err.count("licence of") == 1


def test_settings_of_other_refiners_are_refused(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Refiner("sam").as_dict() == {"refiner": "sam", "sam_model": "sam2-tiny"}
    with pytest.raises(ValueError, match="is that of the refiner sam"):
        Refiner("par", model=folder)
    words = ["predict", "model", "images", "--out", str(tmp_path / "out")]
    assert main([*words, "--refiner", "sam", "--steps", "3"]) == 2
    assert main([*words, "--sam-model", folder]) == 2
    said = capsys.readouterr().err
    assert "has no --steps" in said
    assert "are those of a --refiner" in said
