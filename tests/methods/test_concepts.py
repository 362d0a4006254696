"""Masks of what words name: thresholds, exclusive maps, tags as the gate, stored scores, calibration."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.methods.toys import labelled
from tests.models.foundation.concept_makers import save_concept

from seglet.data.dataset import Dataset, Sample
from seglet.engine.provenance import CardOptions, read_provenance
from seglet.files import write_json
from seglet.inference import calibrate as calibration
from seglet.inference.from_tags import TagPredictor
from seglet.methods.concepts import Config, Method
from seglet.methods.concepts.asking import AskedTeacher, ClassScores
from seglet.methods.concepts.columns import ConceptScores
from seglet.methods.concepts.scores import centre_thresholds, exclusive_maps
from seglet.models.foundation.licences import licence_note
from seglet.models.io.model_card import LicensedPart
from seglet.types import IGNORE, Classes, Progress, Tagged
from seglet.values import ConfigError

CLASSES = Classes.named(["background", "cat", "dog"])
SMALL: dict[str, Any] = {"student": "pspnet-resnet18", "output_stride": 8, "width": 0.125, "par_steps": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_concept(tmp_path_factory.mktemp("clipseg"), "clipseg"))


class ByColour:
    """A network that answers `cat` by red and `dog` by green; it notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def scores(self, image: torch.Tensor, wanted: list[int]) -> ClassScores:
        self.asked.append(wanted)
        maps = torch.stack([image[0, place] * (place in wanted) for place in (0, 1)])
        return ClassScores(maps, maps.amax(dim=(1, 2)))


def method(**changes: object) -> tuple[Method, ByColour]:
    made, network = Method.build(Config(**{**SMALL, **changes}), CLASSES, seed=0), ByColour()
    made._teacher = [network]  # type: ignore[list-item]
    return made, network


def pixels(*colours: tuple[float, float]) -> torch.Tensor:
    """One row of pixels of these shares of red and green."""
    return torch.tensor([[*pair, 0.0] for pair in colours]).T[None, :, None]


def test_a_threshold_is_moved_to_a_half_and_the_ends_stay() -> None:
    scores = torch.tensor([0.0, 0.1, 0.2, 0.6, 1.0]).expand(1, 2, 1, 5)
    moved = centre_thresholds(scores, torch.tensor([0.2, 0.5]))
    torch.testing.assert_close(moved[0, :, 0], torch.tensor([[0, 0.25, 0.5, 0.75, 1.0], [0, 0.1, 0.2, 0.6, 1.0]]))


def test_overlapping_claims_go_to_the_higher_score_and_what_no_threshold_reaches_to_the_background() -> None:
    scores = torch.tensor([[0.9, 0.3, 0.6], [0.7, 0.4, 0.8]])[None, :, None]
    maps = exclusive_maps(scores, torch.ones(1, 2), torch.tensor([0.5, 0.5]))
    assert maps.argmax(dim=1).tolist() == [[[1, 0, 2]]]
    torch.testing.assert_close(maps[0, 0, 0], torch.tensor([0.1, 0.6, 0.2]))


def test_a_pixel_whose_strongest_map_hardly_leads_has_no_map_at_all() -> None:
    scores = torch.tensor([[0.9, 0.54, 0.9], [0.85, 0.0, 0.2]])[None, :, None]  # leads of 0.05, 0.08 and 0.7
    maps = exclusive_maps(scores, torch.ones(1, 2), torch.tensor([0.5, 0.5]), margin=0.1)
    assert maps.sum(dim=1)[0, 0].gt(0).tolist() == [False, False, True]


def test_only_tagged_classes_are_asked_for() -> None:
    made, network = method()
    maps = made.label_maps(pixels((0.9, 0.8)).expand(2, -1, -1, -1), torch.tensor([[1.0, 0], [0, 1.0]]))
    assert network.asked == [[0], [1]]
    assert maps.argmax(dim=1).flatten().tolist() == [1, 2]


def test_without_tags_the_classes_that_are_present_are_sought() -> None:
    made, network = method(presence=0.7, class_threshold=0.2)
    maps = made.untagged_maps(pixels((0.6, 0.9), (0.6, 0.1)))
    assert network.asked == [[0, 1]]
    assert maps.argmax(dim=1).flatten().tolist() == [2, 0]  # red reaches no presence of 0.7


def test_thresholds_are_given_by_name() -> None:
    assert Config(class_thresholds=("Dog=0.3",), class_threshold=0.4).thresholds_of(CLASSES) == [0.4, 0.3]
    with pytest.raises(ConfigError, match="'cow' is no class"):
        Method.build(Config(**SMALL, class_thresholds=("cow=0.3",)), CLASSES, seed=0)


@pytest.mark.parametrize("changes", [
    {"class_thresholds": ("dog",)}, {"class_thresholds": ("dog=1.5",)}, {"template": "a photo"}, {"margin": 2.0},
])  # fmt: skip
def test_values_out_of_range_are_errors(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        Config(**changes)


def test_of_several_phrases_the_strongest_answers_for_the_class(folder: str, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("classes: {cat: [cat, red cat], dog: dog}\n")
    made = Method.build(Config(**SMALL, model=folder, prompts=str(tmp_path / "p.yaml")), CLASSES, seed=0)
    made.load_teacher(torch.device("cpu"))
    teacher, image = made._teacher[0], torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    each = teacher.network.concept_maps(image, teacher.phrases).maps
    torch.testing.assert_close(teacher.scores(image, [0, 1]).maps, torch.stack([each[:2].amax(dim=0), each[2]]))
    assert not teacher.scores(image, []).maps.any()


def tagged() -> Tagged:
    batch = labelled()
    scores = torch.zeros(len(batch.images), 4, 4, 2, dtype=torch.uint8)
    scores[:, :2, :, 0], scores[:, 2:, :, 1] = 255, 255  # cats above dogs
    return Tagged(batch.ids, batch.images, torch.tensor([[0.0, 1, 1], [0.0, 1, 0]]), batch.crop, {"concepts": scores})


def test_stored_scores_are_labels_of_the_view_and_a_step_lowers_the_loss() -> None:
    made, step = Method.build(Config(**SMALL), CLASSES, seed=0).train(), tagged()
    assert set(made.target(step).labels[0].unique().tolist()) <= {0, 1, 2, IGNORE}
    optimiser = torch.optim.SGD([p for p in made.parameters() if p.requires_grad], lr=0.01)
    before = made.losses(step, Progress(0, 10, seed=3)).total
    before.backward()
    optimiser.step()
    assert made.losses(step, Progress(0, 10, seed=3)).total < before


def test_the_column_has_the_scores_of_the_tags_in_8_bits(folder: str) -> None:
    config = Config(**SMALL, model=folder)
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    compute = ConceptScores(config, CLASSES).load(torch.device("cpu"))
    one, none = compute([Sample("a", image, None, (2,)), Sample("b", image, None, ())])
    assert isinstance(one, np.ndarray)
    assert one.shape == (32, 32, 2)
    assert one[..., 1].max() > one[..., 0].max() == 0
    assert not np.any(none)


def test_the_address_of_the_column_does_not_depend_on_thresholds(folder: str) -> None:
    plain, other = (ConceptScores(Config(model=folder, class_threshold=cut), CLASSES) for cut in (0.3, 0.4))
    assert plain.settings() == other.settings()
    assert plain.settings() != ConceptScores(Config(model=folder, template="a {}"), CLASSES).settings()


class Masks(Dataset):
    """Four pixels whose reds are 0.9, 0.4, 0.3 and 0.1; the first two are cats."""

    def __init__(self) -> None:
        self.classes, self.ids, self.fingerprint = CLASSES, ("a",), "none"

    def read(self, index: int) -> Sample:
        image = np.zeros((1, 4, 3), np.uint8)
        image[0, :, 0] = [230, 102, 76, 25]
        return Sample("a", image, np.array([[1, 1, 0, IGNORE]], np.uint8), (1,))


def test_a_threshold_is_that_of_the_best_iou_and_a_class_without_images_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, _ = method(class_threshold=0.6)
    monkeypatch.setattr(calibration, "open_dataset", lambda *given, **named: Masks())
    predictor = TagPredictor(made, CLASSES, torch.device("cpu"))
    cat, dog = calibration.calibrate(predictor, calibration.CalibrationData("few"))
    assert (cat.threshold, cat.iou, cat.images) == (0.35, 1.0, 1)  # of 0.30 to 0.40 the middle
    assert (dog.threshold, dog.iou) == (pytest.approx(0.6), None)
    torch.testing.assert_close(made.thresholds, torch.tensor([0.35, 0.6]))


def test_licences_are_those_of_known_models_or_of_the_folders_card(tmp_path: Path) -> None:
    assert licence_note("clipseg").startswith("licence of clipseg: Apache-2.0; it may")
    assert licence_note("facebook/sam3").startswith("licence of facebook/sam3 (sam3): SAM License; for those who")
    (tmp_path / "README.md").write_text("---\nlicense: other\nlicense_name: own-1\n---\n# A model\n")
    assert f"licence of {tmp_path}: own-1;" in licence_note(tmp_path)


def test_it_is_loaded_only_where_masks_are_made() -> None:
    made = Method.build(Config(**SMALL, model="no/where"), CLASSES, seed=0)
    assert not any(isinstance(part, AskedTeacher) for part in made.modules())
    with pytest.raises(ValueError, match="has not been loaded"):
        made.label_maps(torch.rand(1, 3, 8, 8), torch.ones(1, 2))


def test_the_card_of_a_student_lists_the_network_that_made_its_labels(tmp_path: Path) -> None:
    write_json(tmp_path / "labels/predictions.json", {"teacher": "facebook/sam3", "licence": "SAM License"})
    values = {"method": "supervised", "data": str(tmp_path / "labels"), "train_split": "all", "val_split": "all"}
    write_json(tmp_path / "run/experiment.yaml", values)
    parts = read_provenance(tmp_path / "run", CardOptions()).parts
    assert LicensedPart("labels by facebook/sam3", "SAM License") in parts
