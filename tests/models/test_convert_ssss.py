"""Checkpoints of SSSS and DGKD-WLSS, by the names and shapes of the released ones."""

import ast
from pathlib import Path

import pytest
import torch
from tests.conftest import golden_root
from tests.models.ssss_reference import masks_logits
from tests.models.tiny import images, tiny
from torch import Tensor

from seglet.models.architecture import Architecture
from seglet.models.assembly import assemble_network
from seglet.models.convert.conversion import ConversionReport, compare_weights, load_foreign_weights, with_authors_input
from seglet.models.convert.identify import identify_architecture
from seglet.models.convert.key_maps import dgkd_name, published_name
from seglet.models.layers.normalise import IMAGENET_MEAN
from seglet.models.network import Network


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Path:
    return golden_root(request.config) / "weak"


def released(golden: Path, name: str) -> dict[str, Tensor]:
    """Its tensors, without memory."""
    file = golden / f"keys_{name}.tsv"
    if not file.is_file():
        pytest.skip(f"no golden names {file}")
    lines = file.read_text().splitlines()
    pairs = [line.split("\t") for line in lines]
    return {key: torch.empty(ast.literal_eval(shape), device="meta") for key, shape in pairs}


def network(num_classes: int = 21) -> Network:
    with torch.device("meta"):
        return assemble_network(Architecture("ssss-wideresnet38"), num_classes)


def compared(golden: Path, name: str) -> ConversionReport:
    return compare_weights(network(), released(golden, name))


def test_every_tensor_of_the_published_ssss_has_its_place(golden: Path) -> None:
    report = compared(golden, "ssss_official")
    assert (report.missing, report.extra, report.mismatched) == ((), (), ())
    assert len(report.matched) == len(network().state_dict()) == 309 - 3
    assert report.notes == ("3 constants of PAMR are no weights and were left out",)


@pytest.mark.parametrize(("name", "extra"), [("dgkd_student", 587 - 309), ("dgkd_teacher", 323 - 309)])
def test_of_dgkd_only_depth_and_training_are_left_over(golden: Path, name: str, extra: int) -> None:
    report = compared(golden, name)
    assert (report.missing, report.mismatched, len(report.matched), len(report.extra)) == ((), (), 306, extra)
    parts = {".".join(part.split(".")[:2]) for part in report.extra if not part.startswith("_criterion_kd")}
    depth = {"backbone.CondNet", *(f"backbone.sft{i}" for i in (1, 2, 3))}
    assert parts == {"classifier.feat", "classifier.feat2"} | (depth if name == "dgkd_student" else set())


def test_the_depth_branch_is_missed_aloud(golden: Path) -> None:
    notes = compared(golden, "dgkd_student").notes
    assert any("without it this network knows less than it did" in note for note in notes)


def test_the_published_ssss_is_recognised_and_fed_as_usual(golden: Path) -> None:
    found = identify_architecture(released(golden, "ssss_official"))
    assert found == (Architecture("ssss-wideresnet38"), 21)
    assert with_authors_input(found[0]).mean == IMAGENET_MEAN


@pytest.mark.parametrize(("name", "mean"), [("dgkd_student", (0.0, 0.0, 0.0)), ("dgkd_teacher", IMAGENET_MEAN)])
def test_a_student_of_dgkd_takes_images_as_they_are(golden: Path, name: str, mean: tuple[float, ...]) -> None:
    found = identify_architecture(released(golden, name))
    assert found is not None
    assert (found[0].name, with_authors_input(found[0]).mean, found[1]) == ("ssss-wideresnet38", mean, 21)


def test_values_of_a_dgkd_student_arrive() -> None:
    source, target = tiny("ssss-wideresnet38").network, tiny("ssss-wideresnet38").network
    weights = {dgkd_name(name, source): tensor + 1 for name, tensor in source.state_dict().items()}
    load_foreign_weights(target, weights)
    pairs = zip(source.parameters(), target.parameters(), strict=True)
    assert all(torch.equal(theirs + 1, ours) for theirs, ours in pairs)


def test_each_published_name_has_its_place_in_the_paper() -> None:
    """Many tensors share a shape, so that one in another's place would fit: a plain computation by name tells."""
    ours = tiny("ssss-wideresnet38", width=0.03).network.double().eval()
    state, draws = ours.state_dict(), torch.Generator().manual_seed(0)
    weights = {published_name(name, ours): w.uniform_(0, 0.3, generator=draws) for name, w in state.items() if w.ndim}
    sources = images(2, 40, 56).double()
    torch.testing.assert_close(ours(sources).logits, masks_logits(ours.backbone.normalise(sources), weights))


def test_another_number_of_classes_counts_the_background(golden: Path) -> None:
    report = compare_weights(network(11), released(golden, "ssss_official"))
    assert "the file was trained with 21 classes; name as many" in report.notes


def test_a_resnet_of_ssss_is_identified_by_its_stem() -> None:
    with torch.device("meta"):
        ours = assemble_network(Architecture("ssss-resnet50"), 21)
    weights = {"conv1.weight": torch.empty(64, 3, 7, 7, device="meta")}
    assert any("7x7 stem" in note for note in compare_weights(ours, weights).notes)
