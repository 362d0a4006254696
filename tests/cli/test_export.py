"""`seglet export`, and the file it writes as a model for other commands. One export serves all tests: it takes long."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import config
from PIL import Image

from seglet.cli.main import main
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.deploy import export
from seglet.deploy.image_graph import check_exportable_whole
from seglet.deploy.onnx_graph import export_facts, exporter_message
from seglet.deploy.parity import Parity, compare_networks
from seglet.images import read_image, read_mask
from seglet.models.architecture import Architecture, DepthGuidance
from seglet.models.onnx_segmenter import ExportFacts
from seglet.models.segmenter import build, load

EXAMPLE = Path(__file__).parents[2] / "examples/segment_with_numpy.py"
WITHOUT = "import sys; sys.modules.update(torch=None, PIL=None, seglet=None); import runpy; sys.argv = sys.argv[1:]; "


@pytest.fixture(scope="session")
def exported(model, tmp_path_factory) -> Path:
    """The session's model as a file, also with 8-bit numbers, and with its preprocessing inside."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason="exporting needs the extra `export`")
    file = tmp_path_factory.mktemp("exported") / "model.onnx"
    words = ["export", model, "--out", file, "--int8", "--data", "world:scenes=4,size=48"]
    words += ["--with-preprocess", "--with-confidence"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "jaxtyping_disable", True)  # sizes are symbols while a graph is traced
        assert main([str(word) for word in words]) == 0
    return file


def facts(size=None):
    return ExportFacts(Architecture("deeplabv3-resnet18", width=0.125), WORLD_CLASSES, size, True, 5, "abc")


def test_predictions_are_those_of_the_network(exported, model, images, seglet, tmp_path):
    done = seglet("predict", exported, images / "images/val", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    prediction = load(model).predict(read_image(images / "images/val/val0.png")).labels
    assert (read_mask(tmp_path / "out/masks/val0.png") == prediction).mean() > 0.999


@pytest.mark.parametrize("size", [(1, 1), (33, 75), (64, 200)])
def test_any_size_will_do(size, exported, seglet, tmp_path):
    Image.new("RGB", size[::-1], (90, 20, 200)).save(tmp_path / "odd.png")
    assert seglet("predict", exported, tmp_path / "odd.png", "--out", tmp_path / "out").code == 0
    assert read_mask(tmp_path / "out/masks/odd.png").shape == size


def test_scores_are_those_of_the_network(exported, model, seglet):
    words = ("--data", "world:scenes=3,size=48", "--json")
    ours, theirs = (json.loads(seglet("evaluate", one, *words).out) for one in (exported, model))
    assert ours["miou"] == pytest.approx(theirs["miou"], abs=1e-4)
    assert ours["parameters"] == theirs["parameters"] > 0


def test_the_file_describes_itself(exported):
    import onnxruntime

    metadata = onnxruntime.InferenceSession(str(exported)).get_modelmeta().custom_metadata_map
    assert [entry["name"] for entry in json.loads(metadata["classes"])] == list(WORLD_CLASSES.names)
    assert json.loads(metadata["preprocessing"])["range"] == [0, 1]
    parity = json.loads(metadata["parity"])
    assert [one["size"] for one in parity] == [list(size) for size in export._COMPARED_SIZES]
    assert all(one["equal"] > 0.999 for one in parity)


def test_eight_bits_make_a_smaller_file_that_works(exported, images, seglet, tmp_path):
    small = exported.with_suffix(".int8.onnx")
    assert small.stat().st_size < 0.6 * exported.stat().st_size
    assert seglet("predict", small, images / "images/val", "--out", tmp_path / "out").code == 0


def test_monte_carlo_samples_need_the_original(exported, images, seglet, tmp_path):
    done = seglet("predict", exported, images / "images/val", "--samples", 2, "--out", tmp_path / "out")
    record = json.loads((tmp_path / "out/predictions.json").read_text())
    assert done.code == 2
    assert "no dropout" in record["failed"][0]["reason"]


@pytest.mark.parametrize("size", [(20, 33), (61, 100)])
def test_a_file_with_preprocessing_takes_images_as_they_are_decoded(size, exported, model):
    import onnxruntime

    images = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
    session = onnxruntime.InferenceSession(str(exported.with_suffix(".uint8.onnx")))
    labels, confidence = session.run(["labels", "confidence"], {"images": images})
    assert (labels.shape, labels.dtype, confidence.dtype) == (images.shape[:3], np.uint8, np.float32)
    for place, one in enumerate(load(model).predict(list(images))):
        assert (labels[place] == one.labels).mean() > 0.999
        np.testing.assert_allclose(confidence[place], one.confidence, atol=1e-3)


def test_a_file_with_preprocessing_is_no_model_for_other_commands(exported):
    with pytest.raises(ValueError, match=r"gives labels .*; give the file beside it, without .uint8"):
        load(exported.with_suffix(".uint8.onnx"))


def test_a_network_that_takes_depth_cannot_have_its_preprocessing_inside():
    for architecture, message in (
        (Architecture("deeplabv3-resnet18", width=0.0625, depth=DepthGuidance()), "takes depth cannot"),
        (Architecture("ssss-resnet18", width=0.0625), "logits of ssss-resnet18 are not yet masks"),
    ):
        facts = export_facts(build(architecture, WORLD_CLASSES), None, "")
        with pytest.raises(ValueError, match=message):
            check_exportable_whole(facts)


def test_openvino_gives_the_same_at_any_size(exported):
    openvino = pytest.importorskip("openvino", reason="`pip install openvino` to compare with it")
    compiled = openvino.Core().compile_model(str(exported), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for size in ((64, 96), (97, 65)):
        images = np.random.default_rng(0).random((2, 3, *size), np.float32)
        with torch.inference_mode():
            expected = load(exported)(torch.from_numpy(images)).numpy()
        np.testing.assert_allclose(compiled(images)[0], expected, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("mode", "ending"), [("RGB", ".onnx"), ("L", ".onnx"), ("RGBA", ".onnx"), ("P", ".onnx"), ("RGB", ".uint8.onnx")]
)
def test_the_example_runs_without_torch_and_pillow(mode, ending, exported, model, tmp_path):
    image = Image.fromarray(World("val", scenes=1, size=48).read(0).image).convert(mode)
    image.save(tmp_path / "in.png")
    words = [str(word) for word in (EXAMPLE, exported.with_suffix(ending), tmp_path / "in.png", tmp_path / "mask.png")]
    code = f"{WITHOUT}runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    prediction = load(model).predict(read_image(tmp_path / "in.png")).labels
    assert (read_mask(tmp_path / "mask.png") == prediction).mean() > 0.999
    assert "%" in done.stdout


def test_a_damaged_file_is_named(exported, images, seglet, tmp_path):
    (tmp_path / "cut.onnx").write_bytes(exported.read_bytes()[:5000])
    done = seglet("predict", tmp_path / "cut.onnx", images / "images/val", "--out", tmp_path / "out")
    assert (done.code, "cut.onnx" in done.err) == (2, True)


def test_a_missing_file_is_named(images, seglet, tmp_path):
    done = seglet("predict", tmp_path / "gone.onnx", images / "images/val", "--out", tmp_path / "out")
    assert (done.code, "there is no file" in done.err) == (2, True)


def test_a_graph_that_disagrees_gets_no_file(model, monkeypatch, tmp_path):
    bad = Parity((192, 256), 2, 0.5, 0.9)
    monkeypatch.setattr(export, "compare_networks", lambda *_: bad)
    monkeypatch.setattr(export, "write_graph", lambda model, facts, file: file.write_bytes(b"graph"))
    monkeypatch.setattr(export, "_graph_logits", lambda *_: None)
    with pytest.raises(ValueError, match=r"disagrees .* at 192x256: .* no file was written"):
        export.write_compared(load(model), "abc", None, [], tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_difference_is_found():
    images = [np.full((8, 8, 3), shade, np.uint8) for shade in (0, 90, 180)]

    def two(batch):
        return torch.cat([batch[:, :1], 0.5 - batch[:, :1]], dim=1)

    same, other = (
        compare_networks(two, two, images, (6, 4)),
        compare_networks(two, lambda batch: -two(batch), images, (6, 4)),
    )
    assert (same.images, same.difference, same.equal, same.holds) == (3, 0, 1, True)
    assert (other.equal, other.holds) == (0, False)
    assert not compare_networks(two, lambda batch: two(batch) * torch.nan, images, (6, 4)).holds


def test_a_network_that_takes_depth_has_it_as_a_fourth_plane():
    model = build(Architecture("ssss-resnet18", width=0.0625, depth=DepthGuidance()), WORLD_CLASSES)
    assert export_facts(model, None, "").planes == 4


def test_why_a_network_cannot_be_exported_is_one_plain_line():
    message = (
        "Failed. \x1b[96mThis is step 1/3\x1b[0m of it:\n\n## Exception summary\n\n\x1b[96mNo\x1b[0m such op\n(see)"
    )
    assert exporter_message(RuntimeError(message)) == "No such op"
    assert exporter_message(RuntimeError("no program\nat all")) == "no program"
    assert exporter_message(RuntimeError()) == "RuntimeError"


@pytest.mark.slow
def test_a_network_whose_padding_follows_the_size_is_exact_at_even_and_odd_sizes(tmp_path):
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason="exporting needs the extra `export`")
    blocks = {"width": 0.25, "depth": 0.1, "same_padding": True, "lite": True}  # one block a stage
    model = build(Architecture("fpn-efficientnet", output_stride=32, shape=blocks), WORLD_CLASSES).eval()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "jaxtyping_disable", True)
        export.export_segmenter(model, export.ExportOptions(tmp_path / "lite.onnx"))
    exported = load(tmp_path / "lite.onnx")
    for size in ((64, 96), (97, 65), (130, 99)):
        images = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            torch.testing.assert_close(exported(images), model(images), atol=2e-3, rtol=1e-3)


def test_pyramid_pooling_needs_a_size():
    model = build(Architecture("pspnet-resnet18", width=0.125), WORLD_CLASSES)
    with pytest.raises(ValueError, match="--size H W"):
        export_facts(model, None, "")
    assert export_facts(model, (64, 64), "").size == (64, 64)


def test_facts_come_back_from_metadata():
    for size in (None, (64, 96)):
        assert ExportFacts.from_metadata(facts(size).as_metadata(), Path("m.onnx")) == facts(size)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"format": "other"}, "not written by"), ({"version": "2"}, "update it"), ({"classes": "[]"}, "damaged"),
     ({"classes": "{"}, "damaged"), ({"size": "[1]"}, "damaged"), ({"architecture": '{"name": "x"}'}, "damaged")],
)  # fmt: skip
def test_foreign_metadata_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ExportFacts.from_metadata({**facts().as_metadata(), **change}, Path("m.onnx"))


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--out", "m.pt"], "ending in .onnx"), (["--out", "m.onnx", "--with-confidence"], "of --with-preprocess"),
     (["--out", "m.onnx", "--int8"], "--data DATA"),
     (["--out", "there.onnx"], "is there already"), (["--out", "m.onnx", "--size", "3", "9"], "32 to")],
)  # fmt: skip
def test_wrong_words_are_answered(words, message, model, seglet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("there.onnx").touch()
    done = seglet("export", model, *words)
    assert (done.code, message in done.err) == (2, True), done.err
