"""Segmentation of an image: shares, an overlay, a mask file, and its form in notebooks."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglet.images import read_mask
from seglet.models.segmentation import Segmentation
from seglet.types import IGNORE, Classes

CLASSES = Classes(("sky", "<road>", "car"), ((0, 0, 255), (200, 100, 0), (0, 255, 0)))


@pytest.fixture
def result() -> Segmentation:
    """Four pixels: twice road, one sky, one void."""
    labels = np.array([[1, 1], [0, IGNORE]], np.uint8)
    probabilities = np.full((3, 2, 2), 0.25, np.float32)
    probabilities[1] = 0.5
    return Segmentation(labels, probabilities, None, np.full((2, 2, 3), 100, np.uint8), CLASSES)


def test_shares_begin_with_the_largest_and_leave_out_what_is_not_there(result: Segmentation) -> None:
    assert result.shares == {"<road>": 0.5, "sky": 0.25, "void": 0.25}
    assert next(iter(result.shares)) == "<road>"


def test_the_overlay_mixes_colours_and_leaves_void_alone(result: Segmentation) -> None:
    mixed = np.asarray(result.overlay(alpha=0.5))
    np.testing.assert_array_equal(mixed[0, 0], [150, 100, 50])
    np.testing.assert_array_equal(mixed[1, 1], [100, 100, 100])


def test_the_saved_mask_holds_the_labels(result: Segmentation, tmp_path: Path) -> None:
    result.save_mask(tmp_path / "masks/a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "masks/a.png"), result.labels)
    np.testing.assert_array_equal(np.asarray(result.mask()), result.labels)


def test_its_text_names_size_classes_and_shares(result: Segmentation) -> None:
    assert repr(result) == "Segmentation(2x2: <road> 50.0 %, sky 25.0 %, void 25.0 %)"


def test_a_notebook_gets_the_overlay_and_a_legend(result: Segmentation) -> None:
    shown = result._repr_html_()
    assert 'src="data:image/png;base64,' in shown
    assert "&lt;road&gt; 50.0 %" in shown
    assert "<road>" not in shown
    overlay = Image.open(io.BytesIO(result._repr_png_()))
    np.testing.assert_array_equal(np.asarray(overlay), np.asarray(result.overlay()))
