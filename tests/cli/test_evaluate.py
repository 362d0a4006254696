"""`seglet evaluate`."""

import json

import numpy as np
import pytest
from tests.data.disk import write_image

from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.evaluation.evaluate import evaluate_samples
from seglet.inference.models import check_classes, choose_device
from seglet.inference.options import InferenceOptions, Refiner
from seglet.inference.predict import predict_probabilities
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build, load
from seglet.types import Classes


def test_scores_are_those_of_the_evaluation(model, images, seglet, tmp_path):
    from seglet.data.opening import open_dataset

    done = seglet("evaluate", model, "--data", images, "--out", tmp_path / "s.json", "--json")
    data = open_dataset(str(images), "val")
    expected = evaluate_samples(load(model), map(data.read, range(2)), data.classes)
    found = json.loads(done.out)
    assert {name: found[name] for name in expected.as_dict()} == expected.as_dict()
    assert json.loads((tmp_path / "s.json").read_text()) == found


def test_a_run_folder_means_its_best_model(model, seglet, tmp_path):
    (tmp_path / "model").symlink_to(model)
    done = seglet("evaluate", tmp_path, "--data", "world:scenes=2", "--world-size", "32")
    assert done.code == 0
    assert f"next: seglet predict {tmp_path}" in done.out


def test_the_convention_chooses_the_headline(model, seglet):
    found = {}
    for convention in ("either", "all"):
        done = seglet("evaluate", model, "--data", "world:scenes=1,size=16", "--convention", convention)
        found[convention] = next(line for line in done.out.splitlines() if line.startswith(f"mIoU ({convention})"))
    assert found["either"].split("%")[0] != found["all"].split("%")[0]


def classes(*names):
    return Classes(names, ((0, 0, 0),) * len(names))


def test_swapped_classes_are_refused():
    with pytest.raises(ValueError, match="another order: label 0 is 'a' to the model and 'b' in the data"):
        check_classes(classes("a", "b"), classes("b", "a"))


def test_other_classes_are_refused():
    with pytest.raises(ValueError, match="only the data have 'c'; only the model has 'b'"):
        check_classes(classes("a", "b"), classes("a", "c"))
    check_classes(classes("a"), classes("a"))


def test_images_without_masks_are_said_before_anything_about_classes(model, seglet, tmp_path):
    write_image(tmp_path / "photos" / "a.png")
    done = seglet("evaluate", model, "--data", tmp_path / "photos", "--split", "all")
    assert done.code == 2
    assert "split 'all', have no masks, so nothing can be scored" in done.err
    assert "classes" not in done.err


def test_an_absent_device_is_refused():
    with pytest.raises(ValueError, match="no device 'abacus' here; choose from auto"):
        choose_device("abacus")
    assert choose_device("cpu").type == "cpu"


def test_the_error_about_a_run_without_a_model_has_the_cure(seglet, tmp_path):
    (tmp_path / "experiment.yaml").touch()
    assert "--resume --out" in seglet("evaluate", tmp_path, "--data", "world:scenes=2").err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--split", "vla"), "did you mean 'val'"),
        (("--stride", "4", "4"), "give a window too"),
        (("--scales", "nan"), "above 0"),
        (("--world-size", "0"), "from 1 to 4096"),
    ],
)
def test_mistakes_are_named(words, message, model, seglet):
    done = seglet("evaluate", model, "--data", "world:scenes=2", *words)
    assert done.code == 2
    assert message in done.err


def test_the_size_of_the_world_is_not_that_of_images(model, images, seglet):
    assert "use --resize" in seglet("evaluate", model, "--data", images, "--world-size", 32).err


def test_the_next_command_reads_images_at_the_same_size(model, images, seglet):
    done = seglet("evaluate", model, "--data", images, "--resize", 0.5)
    assert "IMAGES --out predictions --resize 0.5" in done.out


def test_known_tags_rule_out_other_classes(model, seglet):
    words = ("evaluate", model, "--data", "world:scenes=3,size=32", "--json")
    known, plain = json.loads(seglet(*words, "--known-tags").out), json.loads(seglet(*words).out)
    world = World("val", scenes=3, size=32)
    shown = {tag for index in range(3) for tag in world.read(index).tags}
    confusion = np.array(known["confusion"])
    assert set(np.flatnonzero(confusion.sum(0))) <= {0, *shown}
    assert known["pixel_accuracy"] >= plain["pixel_accuracy"]


def test_scores_can_be_refined_first(model, seglet):
    words = ("evaluate", model, "--data", "world:scenes=1,size=32", "--json")
    found = json.loads(seglet(*words, "--refiner", "pamr", "--steps", 2).out)
    sample = World("val", scenes=1, size=32).read(0)
    labels = predict_probabilities(
        load(model), sample.image, None, InferenceOptions(refiner=Refiner("pamr", 2))
    ).argmax(0)
    assert found["pixel_accuracy"] == pytest.approx((labels == sample.labels).mean())


def test_maps_of_a_network_taught_by_tags_have_a_curve(seglet, tmp_path):
    build(Architecture("cam-resnet18", width=0.125), WORLD_CLASSES).save(tmp_path / "cam")
    done = seglet("evaluate", tmp_path / "cam", "--data", "world:scenes=2,size=32", "--known-tags", "--json")
    found = json.loads(done.out)
    curve = found["cam_curve"]["curve"]
    assert curve["miou"][10] == pytest.approx(found["miou"])  # above 0.1 is an object
    assert found["cam_curve"]["best"]["miou"] == max(curve["miou"])
    assert "best background threshold" in done.err
