"""`seglet evaluate`."""

import json

import pytest

from seglet.apps.models import check_classes, choose_device
from seglet.evaluation.evaluate import evaluate
from seglet.models.segmenter import load
from seglet.types import Classes


def test_scores_are_those_of_the_evaluation(model, pictures, seglet, tmp_path):
    from seglet.data.dataset import open_dataset

    done = seglet("evaluate", model, "--data", pictures, "--out", tmp_path / "s.json", "--json")
    data = open_dataset(str(pictures), "val")
    expected = evaluate(load(model), map(data.read, range(2)), data.classes)
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


def test_an_absent_device_is_refused():
    with pytest.raises(ValueError, match="no device 'abacus' here; choose from auto"):
        choose_device("abacus")
    assert choose_device("cpu").type == "cpu"


def test_a_run_without_a_model_says_how_to_get_one(seglet, tmp_path):
    (tmp_path / "experiment.yaml").touch()
    assert "--resume --out" in seglet("evaluate", tmp_path, "--data", "world:scenes=2").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--split", "vla"), "did you mean 'val'"),
        (("--stride", "4", "4"), "set `window` too"),
        (("--scales", "nan"), "above 0"),
        (("--world-size", "0"), "from 1 to 4096"),
    ],
)
def test_mistakes_are_named(words, said, model, seglet):
    done = seglet("evaluate", model, "--data", "world:scenes=2", *words)
    assert done.code == 2
    assert said in done.err


def test_the_size_of_the_world_is_not_that_of_pictures(model, pictures, seglet):
    assert "use --resize" in seglet("evaluate", model, "--data", pictures, "--world-size", 32).err


def test_the_next_command_reads_pictures_at_the_same_size(model, pictures, seglet):
    done = seglet("evaluate", model, "--data", pictures, "--resize", 0.5)
    assert "PICTURES --out predictions --resize 0.5" in done.out
