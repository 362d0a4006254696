"""`seglet predict --pseudo-labels`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.data.disk import text, write_image

from seglet.data.opening import open_dataset
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine.run import Run
from seglet.files import file_sha256
from seglet.images import read_image, read_mask
from seglet.inference.options import InferenceOptions, PseudoLabelOptions, Refiner
from seglet.inference.predict import memory_cure
from seglet.inference.pseudo_labels import predict_pseudo_labels
from seglet.inference.score_maps import read_scores
from seglet.labels.refine.pixel_adaptive import pamr
from seglet.models.architecture import Architecture
from seglet.models.class_maps import class_maps
from seglet.models.multiscale import MultiScaleOptions
from seglet.models.segmenter import Segmenter, build
from seglet.types import IGNORE, Classes

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 72, 3), dtype=np.uint8)
BATCH = torch.from_numpy(IMAGE).permute(2, 0, 1)[None].float() / 255


def small(head: str, classes: Classes = WORLD_CLASSES) -> Segmenter:
    return build(Architecture(f"{head}-resnet18", width=0.125), classes).eval()


def test_probabilities_are_those_of_the_segmenter_where_nothing_else_is_asked():
    model = small("pspnet")
    made = predict_pseudo_labels(model, IMAGE, None, PseudoLabelOptions(threshold=0))
    np.testing.assert_allclose(made.scores, model.predict(IMAGE).probabilities, atol=1e-6)
    np.testing.assert_array_equal(made.labels, model.predict(IMAGE).labels)


def test_pixels_below_the_threshold_are_void():
    whole = predict_pseudo_labels(small("pspnet"), IMAGE, None, PseudoLabelOptions(threshold=0))
    middle = float(np.median(whole.confidence))
    made = predict_pseudo_labels(small("pspnet"), IMAGE, None, PseudoLabelOptions(threshold=middle))
    np.testing.assert_array_equal(made.labels == IGNORE, made.confidence < middle)
    assert 0.3 < (made.labels == IGNORE).mean() < 0.7


def test_only_tags_and_background_compete():
    made = predict_pseudo_labels(small("pspnet"), IMAGE, (3, 5), PseudoLabelOptions(threshold=0))
    probable = small("pspnet").predict(IMAGE).probabilities[[0, 3, 5]]
    np.testing.assert_allclose(made.scores[[0, 3, 5]], probable / probable.sum(0), atol=1e-6)
    assert set(np.unique(made.labels)) <= {0, 3, 5}
    assert made.scores.sum() == pytest.approx(IMAGE[..., 0].size, rel=1e-5)


def test_where_no_class_is_possible_nothing_is_labelled():
    classes = Classes(("cat", "dog"), ((1, 2, 3), (4, 5, 6)))
    made = predict_pseudo_labels(
        small("pspnet", classes), IMAGE, (), PseudoLabelOptions(0, InferenceOptions(refiner=Refiner("pamr")))
    )
    assert (made.labels == IGNORE).all()
    assert made.confidence.max() == 0


@pytest.mark.parametrize(("head", "own"), [("ssss", {"background_power": 2.0}), ("cam", {"background": 0.3})])
def test_networks_that_learned_from_tags_predict_at_several_scales(head, own):
    model = small(head)
    made = predict_pseudo_labels(
        model, IMAGE, (2,), PseudoLabelOptions(0, InferenceOptions(scales=(1.0, 0.5), flip=False, **own))
    )
    options = MultiScaleOptions(scales=(1.0, 0.5), flip=False, background_power=own.get("background_power", 1.0))
    tags = torch.zeros(1, 10).index_fill(1, torch.tensor([1]), 1)
    with torch.inference_mode():
        masks = class_maps(head, lambda view: model.network(view).logits, BATCH, options, tags, 0.3).masks[0]
    np.testing.assert_allclose(made.scores, masks / masks.sum(0), atol=1e-5)


def test_scores_are_refined_before_the_threshold():
    plain = predict_pseudo_labels(small("pspnet"), IMAGE, None, PseudoLabelOptions(threshold=0))
    made = predict_pseudo_labels(
        small("pspnet"), IMAGE, None, PseudoLabelOptions(0, InferenceOptions(refiner=Refiner("pamr", 2)))
    )
    refined = pamr(torch.from_numpy(plain.scores)[None], BATCH, steps=2)[0]
    np.testing.assert_allclose(made.scores, refined / refined.sum(0), atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (33, 20)])
@pytest.mark.parametrize("name", ["ssss-resnet18", "segformer-mit_b0", "cam-mit_b0"])
def test_any_size_will_do(name, size):
    model = build(Architecture(name, width=0.125), WORLD_CLASSES).eval()
    settings = PseudoLabelOptions(inference=InferenceOptions(scales=(1.0, 0.5), flip=True, resize=0.5))
    assert predict_pseudo_labels(model, np.zeros((*size, 3), np.uint8), None, settings).labels.shape == size


def test_a_data_set_comes_out_on_which_supervised_trains(model, images, seglet, tmp_path):
    tags = text(tmp_path / "known.csv", "train0.png,ball", "train1,box;ring")
    out, options = tmp_path / "out", ("--threshold", 0, "--refiner", "pamr", "--steps", 2)
    words = (model, images / "images/train", "--out", out, "--tags", tags, "--score-on", images, *options)
    done = seglet("predict", *words, "--pseudo-labels")
    assert done.code == 0, done.err
    checked = seglet("data", "check", out, "--json")
    assert checked.code == 0, checked.err
    train, val = (open_dataset(str(out), split) for split in ("train", "val"))
    assert (len(train), len(val), train.classes) == (2, 2, WORLD_CLASSES)
    assert set(np.unique(train.read(0).labels)) <= {0, WORLD_CLASSES.names.index("ball")}
    np.testing.assert_array_equal(val.read(1).labels, read_mask(images / "masks/val/val1.png"))
    short = ("--steps", 1, "--batch", 2, "--crop", 32, 32, "--width", 0.125, "--student", "pspnet-resnet18")
    trained = seglet("train", "supervised", "--data", out, *short, "--workers", 0, "--out", tmp_path / "run")
    assert trained.code == 0, trained.err
    assert (Run(tmp_path / "run").folder / "model").is_dir()


def test_images_and_tags_can_be_those_of_a_data_set(model, seglet, tmp_path):
    words = ("predict", model, "--data", "world:scenes=3,size=32", "--pseudo-labels", "--threshold", 0, "--json")
    done = seglet(*words, "--out", tmp_path / "out", "--score-on", "world:scenes=2,size=32")
    made, train = json.loads(done.out), open_dataset(str(tmp_path / "out"), "train")
    world = World("train", scenes=3, size=32)
    assert (len(train), len(made["images"])) == (3, 3)
    np.testing.assert_array_equal(train.read(1).image, world.read(1).image)
    assert made["images"][1]["tags"] == [WORLD_CLASSES.names[label] for label in world.read(1).tags]
    right = sum(int((train.read(i).labels == world.read(i).labels).sum()) for i in range(3))
    assert made["quality"]["precision"] == pytest.approx(right / (3 * 32 * 32))


def test_the_record_has_what_decided_the_labels(model, images, seglet, tmp_path):
    tags = text(tmp_path / "known.csv", "val0,ball", "val1,")
    words = ("predict", model, images / "images/val", "--out", tmp_path / "out", "--pseudo-labels", "--tags", tags)
    assert seglet(*words, "--scores").code == 0
    record = json.loads((tmp_path / "out/predictions.json").read_text())
    assert record["command"] == " ".join(map(str, ("seglet", *words, "--scores")))
    assert record["weights"] == file_sha256(model / "model.safetensors")
    assert (record["settings"]["threshold"], record["settings"]["tags"]["file"]) == (0.5, str(tags))
    first = record["images"][0]
    assert (first["tags"], first["image"]) == (["ball"], "images/val0.png")
    assert set(first["missing"]) <= {"ball"}
    confidence = read_scores(tmp_path / "out" / first["scores"], 11).max(axis=0)
    stored = read_image(tmp_path / "out" / first["confidence"])[..., 0] / 255
    np.testing.assert_allclose(stored, confidence, atol=0.01)


def test_scores_can_be_refined_afterwards(model, images, seglet, tmp_path):
    val = images / "images/val"
    assert seglet("predict", model, val, "--out", tmp_path / "p", "--pseudo-labels", "--scores").code == 0
    done = seglet("refine", tmp_path / "p", "--images", val, "--out", tmp_path / "r", "--refiner", "par", "--jobs", 1)
    assert "refined: 2" in done.out
    assert json.loads((tmp_path / "r/refinements.json").read_text())["files"][0]["file"].endswith("scores/val0.npz")


def test_an_image_that_the_tags_do_not_name_is_skipped(model, images, seglet, tmp_path):
    tags = text(tmp_path / "known.csv", "val0,ball")
    words = (model, images / "images/val", "--out", tmp_path / "out", "--pseudo-labels", "--tags", tags)
    done = seglet("predict", *words, "--json")
    record = json.loads(done.out)
    assert done.code == 2
    assert [Path(failure["source"]).name for failure in record["failed"]] == ["val1.png"]
    assert sorted(path.name for path in (tmp_path / "out/images").iterdir()) == ["val0.png"]


def test_wrong_tags_are_all_listed_before_anything_is_done(model, images, seglet, tmp_path):
    tags = text(tmp_path / "known.csv", "val0,bll", "val1,house")
    words = (model, images / "images/val", "--out", tmp_path / "out", "--pseudo-labels", "--tags", tags)
    done = seglet("predict", *words)
    assert done.code == 2
    assert "did you mean 'ball'?" in done.err
    assert "'house'" in done.err
    assert not (tmp_path / "out").exists()


def test_labels_of_an_earlier_call_are_not_trained_on(model, images, seglet, tmp_path):
    words = ("--out", tmp_path / "out", "--pseudo-labels", "--overwrite")
    assert seglet("predict", model, images / "images/val", *words).code == 0
    assert seglet("predict", model, write_image(tmp_path / "one.png", size=(32, 32)), *words).code == 0
    assert [path.name for path in (tmp_path / "out/masks").iterdir()] == ["one.png"]
    assert (images / "images/val/val0.png").is_file()


def test_results_of_another_kind_and_images_of_others_are_left_alone(model, images, seglet, tmp_path):
    words = ("predict", model, images / "images/val", "--out", tmp_path / "out", "--overwrite")
    assert seglet(*words).code == 0
    assert "no pseudo labels; choose another --out" in seglet(*words, "--pseudo-labels").err
    pseudo = (*words[:4], tmp_path / "pseudo", "--overwrite")
    assert seglet(*pseudo, "--pseudo-labels").code == 0
    mine = write_image(tmp_path / "pseudo/images/mine.png")
    assert seglet(*pseudo, "--pseudo-labels").code == 0
    assert mine.is_file()
    assert "choose another --out" in seglet(*pseudo).err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--threshold", 0.5], "add --pseudo-labels"),
        (["--scores"], "add --pseudo-labels"),
        (["--pseudo-labels", "--samples", 3], "leave --samples out"),
        (["--pseudo-labels", "--steps", 3], "--refiner"),
        (["--pseudo-labels", "--tags-key", "fine"], "--tags FILE"),
        (["--pseudo-labels", "--score-split", "test"], "--score-on DATA"),
        (["--pseudo-labels", "--background-power", 3], "is for ssss networks"),
        (["--pseudo-labels", "--background", 0.3], "is for cam networks"),
        (["--pseudo-labels", "--data", "world"], "one of the two"),
        (["--pseudo-labels", "--threshold", 2], "from 0 to 1"),
    ],
)
def test_options_that_contradict_are_refused(more, message, model, images, seglet, tmp_path):
    done = seglet("predict", model, images / "images/val", "--out", tmp_path / "out", *more)
    assert done.code == 2
    assert message in done.err


def test_windows_are_not_for_networks_that_score_whole_images(images, seglet, tmp_path):
    small("ssss").save(tmp_path / "ssss")
    words = ("--out", tmp_path / "out", "--pseudo-labels", "--window", 32, 32)
    assert "leave --window out" in seglet("predict", tmp_path / "ssss", images / "images/val", *words).err


def test_the_cure_where_memory_runs_out_is_one_that_the_network_accepts():
    assert memory_cure(small("ssss")) == "make it smaller (--resize 0.5)"
    assert "--window 512 512" in memory_cure(small("pspnet"))


def test_images_are_copied_where_links_are_impossible(model, images, seglet, tmp_path, monkeypatch):
    def refuse(self, target):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    assert seglet("predict", model, images / "images/val", "--out", tmp_path / "out", "--pseudo-labels").code == 0
    copy = tmp_path / "out/images/val0.png"
    assert not copy.is_symlink()
    np.testing.assert_array_equal(read_image(copy), read_image(images / "images/val/val0.png"))


def test_predictions_without_pseudo_labels_know_their_weights_too(model, images, seglet, tmp_path):
    assert seglet("predict", model, images / "images/val", "--out", tmp_path / "out").code == 0
    record = json.loads((tmp_path / "out/predictions.json").read_text())
    assert record["weights"] == file_sha256(model / "model.safetensors")
