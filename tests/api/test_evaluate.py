"""`seglet.evaluate`: models and data in all the forms it takes."""

from pathlib import Path

import numpy as np
import pytest
import torch

import seglet
from seglet.cli.main import main
from seglet.engine.run import Run
from seglet.evaluation.result import Evaluation
from seglet.files import read_json
from seglet.models.segmenter import Segmenter


def matrix(evaluation: Evaluation) -> list[list[int]]:
    return evaluation.confusion.tolist()


def test_a_model_and_an_opened_data_set_go_together(network: Segmenter, folder: Path) -> None:
    data = seglet.open_dataset(folder, "val", whole_masks=True)
    assert matrix(seglet.evaluate(network, data)) == matrix(seglet.evaluate(network, folder, split="val"))


def test_a_freshly_built_model_is_scored_in_evaluation_mode_and_left_in_training(
    network: Segmenter, folder: Path
) -> None:
    fresh = matrix(seglet.evaluate(network, folder))
    assert network.training
    assert fresh == matrix(seglet.evaluate(network.eval(), folder))


def test_scores_are_those_of_the_command(network: Segmenter, folder: Path, tmp_path: Path) -> None:
    network.save(tmp_path / "model")
    out = tmp_path / "scores.json"
    assert main(["evaluate", str(tmp_path / "model"), "--data", str(folder), "--flip", "--out", str(out)]) == 0
    found = seglet.evaluate(tmp_path / "model", folder, flip=True).as_dict()
    assert found == {key: value for key, value in read_json(out).items() if key in found}


def test_a_run_is_scored_by_its_best_model(network: Segmenter, folder: Path, tmp_path: Path) -> None:
    network.save(tmp_path / "run/model")
    for run in (tmp_path / "run", str(tmp_path / "run"), Run(tmp_path / "run")):
        assert matrix(seglet.evaluate(run, folder)) == matrix(seglet.evaluate(network, folder))


def test_pairs_of_images_and_masks_are_scored_like_the_data_set_they_are(network: Segmenter, folder: Path) -> None:
    files = sorted((folder / "images/val").iterdir())
    masks = [folder / "masks/val" / file.name for file in files]
    expected = matrix(seglet.evaluate(network, folder))
    assert matrix(seglet.evaluate(network, zip(files, masks, strict=True))) == expected
    arrays = [(sample.image, torch.from_numpy(sample.labels)) for sample in seglet.open_dataset(folder, "val")]
    assert matrix(seglet.evaluate(network, arrays)) == expected


def test_a_function_needs_the_names_of_the_classes_that_its_logits_are_of() -> None:
    rng = np.random.default_rng(0)
    pairs = [(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), np.ones((8, 8), np.uint8))]
    always_one = torch.tensor([0.0, 9.0])[None, :, None, None]
    result = seglet.evaluate(lambda images: always_one.expand(len(images), 2, 8, 8), pairs, ["a", "b"])
    assert matrix(result) == [[0, 0], [0, 64]]
    with pytest.raises(ValueError, match="give `classes`"):
        seglet.evaluate(lambda images: images, pairs)


def test_a_method_is_scored_by_the_masks_it_makes_from_tags(tmp_path: Path) -> None:
    experiment = tmp_path / "plain-clip.yaml"
    experiment.write_text("{method: diclip, clip_model: tiny-clip, prompts: world, attention: none, cache_from: none}")
    result = seglet.evaluate(str(experiment), "world:scenes=2,size=64", split="test", progress=False)
    assert result.cam_curve is not None
    assert result.count == 2


def test_data_of_other_classes_and_masks_of_no_class_are_refused(network: Segmenter, folder: Path) -> None:
    with pytest.raises(ValueError, match="classes are not the data's"):
        seglet.evaluate(seglet.build(network.architecture, ["a", "b"]), folder)
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="label ids"):
        seglet.evaluate(network, [(image, np.zeros((8, 8, 3), np.uint8))])


def test_a_wrong_option_is_answered_with_the_nearest(network: Segmenter, folder: Path) -> None:
    with pytest.raises(TypeError, match="no option 'scale'; did you mean 'scales'"):
        seglet.evaluate(network, folder, scale=(1,))  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="no refiner 'par2'; did you mean 'par'"):
        seglet.evaluate(network, folder, refiner="par2")
    with pytest.raises(ValueError, match="resize: expected"):
        seglet.evaluate(network, folder, resize=2.0)
