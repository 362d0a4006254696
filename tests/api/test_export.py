"""`seglet.export`: models in all forms become an ONNX file that predicts the same."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import seglet
from seglet.models.segmenter import Segmenter

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("onnxscript") is None, reason="needs the extra onnx"),
    pytest.mark.usefixtures("unchecked"),
]


def test_an_exported_model_predicts_what_it_was_made_of(network: Segmenter, folder: Path, tmp_path: Path) -> None:
    images = sorted((folder / "images/val").iterdir())
    report = seglet.export(network, tmp_path / "m.onnx", images=images)
    assert network.training
    assert "any number, height and width" in repr(report)
    exported = seglet.load(tmp_path / "m.onnx").predict(images[0])
    np.testing.assert_allclose(exported.probabilities, network.predict(images[0]).probabilities, atol=1e-3)
    assert seglet.evaluate(tmp_path / "m.onnx", folder).count == 4


def test_a_file_that_is_there_is_replaced_only_when_asked(network: Segmenter, tmp_path: Path) -> None:
    network.save(tmp_path / "runs/x/model")
    (tmp_path / "m.onnx").write_text("mine")
    with pytest.raises(ValueError, match="is there already"):
        seglet.export(tmp_path / "runs/x", tmp_path / "m.onnx")
    seglet.export(tmp_path / "runs/x", tmp_path / "m.onnx", size=(48, 48), overwrite=True)
    with pytest.raises(ValueError, match="is exported already"):
        seglet.export(seglet.load(tmp_path / "m.onnx"), tmp_path / "again.onnx")
