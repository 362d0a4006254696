"""`seglet.refine`: probabilities moved to the edges of their image."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import seglet
from seglet.inference.options import Refiner
from seglet.inference.refine import refine_scores
from seglet.models.segmenter import Segmenter

IMAGE = np.zeros((24, 24, 3), np.uint8)
IMAGE[:, 12:] = 255


def blurred() -> np.ndarray:
    """Probabilities of two classes whose border is four pixels beside the image's edge."""
    right = np.clip((np.arange(24, dtype=np.float32) - 5) / 6, 0.05, 0.95)
    return np.stack([1 - right, right])[:, None].repeat(24, axis=1)


@pytest.mark.parametrize("refiner", ["pamr", "par", "crf"])
def test_each_refiner_gives_probabilities_and_does_what_the_command_does(refiner: str) -> None:
    found = seglet.refine(blurred(), IMAGE, refiner)
    np.testing.assert_allclose(found.sum(0), 1, rtol=1e-4)
    settings = Refiner(refiner, crf_settings="ssss" if refiner == "crf" else "")
    np.testing.assert_array_equal(found, refine_scores(blurred(), IMAGE, settings))


def test_the_border_moves_to_the_edge() -> None:
    before, after = blurred().argmax(0), seglet.refine(blurred(), IMAGE, "crf").argmax(0)
    assert (before[:, :12] == 1).any()
    assert (after[:, :12] == 0).all()
    assert (after[:, 12:] == 1).all()


def test_tensors_files_and_segmentations_serve_as_well(network: Segmenter, tmp_path: Path) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    expected = seglet.refine(blurred(), IMAGE)
    np.testing.assert_array_equal(seglet.refine(torch.from_numpy(blurred()), tmp_path / "a.png"), expected)
    segmentation = network.predict(IMAGE)
    np.testing.assert_array_equal(
        seglet.refine(segmentation), seglet.refine(segmentation.probabilities, segmentation.image)
    )


@pytest.mark.parametrize(
    ("probabilities", "image", "message"),
    [
        (blurred() * 9, IMAGE, "take the softmax of logits"),
        (blurred()[0], IMAGE, "maps of floats"),
        (blurred(), IMAGE[:9], "are 24x24, the image 24x9"),
        (blurred(), None, "give the image too"),
    ],
)
def test_what_does_not_fit_is_refused(probabilities: np.ndarray, image: np.ndarray | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        seglet.refine(probabilities, image)
