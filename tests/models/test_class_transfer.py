"""Fine-tuning on other classes keeps what a network knows about the classes that both tables name."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from seglet.models.architecture import Architecture
from seglet.models.class_transfer import ClassTransfer, classifier_rows, copy_matching_weights, match_classes
from seglet.models.segmenter import Segmenter, build
from seglet.models.student import StudentConfig, build_student
from seglet.types import Classes

OLD = Classes.named(["background", "crack", "spall"])
NEW = Classes.named(["background", "Spall", "rust", "crack"])


def network(name: str, classes: Classes, seed: int = 0) -> Segmenter:
    return build(Architecture(name, width=0.125), classes, seed)


@pytest.mark.parametrize(
    ("names", "source", "expected"),
    [
        (["a", "b"], ["b", "a"], {0: 1, 1: 0}),
        (["Dining Table", "car"], ["cat", "dining_table"], {0: 1}),
        (["traffic light", "traffic_light"], ["traffic light"], {0: 0}),
        (["Traffic light"], ["traffic_light", "traffic-light"], {}),
        (["x"], ["y"], {}),
        (["airplane", "person"], ["person", "aeroplane"], {0: 1, 1: 0}),
        (["person", "car"], ["car, auto, automobile", "pedestrian"], {0: 1, 1: 0}),
        (["rider", "cyclist"], ["bicyclist"], {}),
        (["person", "human"], ["person", "people"], {0: 0, 1: 1}),
    ],
)
def test_classes_match_by_name_or_synonym_where_it_is_clear(
    names: list[str], source: list[str], expected: dict[int, int]
) -> None:
    assert match_classes(names, source) == expected


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("deeplabv3-resnet18", {"head.tail.classifier": 0}),
        ("segformer-mit_b0", {"head.tail.classifier": 0}),
        ("ssss-resnet18", {"head.tail.classifier.foreground": 1}),
        ("deeplabv2-resnet18", {f"head.tail.classifier.branches.{i}": 0 for i in range(4)}),
    ],
)
def test_every_classifier_of_a_network_is_found(name: str, rows: dict[str, int]) -> None:
    segmenter = network(name, OLD)
    rows |= {} if segmenter.network.auxiliary is None else {"auxiliary.classifier": 0}
    expected = {f"{part}.{kind}": first for part, first in rows.items() for kind in ("weight", "bias")}
    assert classifier_rows(segmenter) == expected


def rows_of(segmenter: Segmenter) -> dict[str, Tensor]:
    return {name: segmenter.network.state_dict()[name] for name in classifier_rows(segmenter)}


@pytest.mark.parametrize("name", ["deeplabv3-resnet18", "cam-resnet18"])
def test_rows_follow_their_class_and_new_ones_start_from_chance(name: str) -> None:
    start, chance, student = network(name, OLD, 5), network(name, NEW), network(name, NEW)
    note = copy_matching_weights(student, start)
    first = 1 if name.startswith("cam") else 0
    for key, rows in rows_of(student).items():
        known = rows_of(start)[key]
        assert torch.equal(rows[1 - first], known[2 - first])  # spall
        assert torch.equal(rows[3 - first], known[1 - first])  # crack
        assert torch.equal(rows[2 - first], rows_of(chance)[key][2 - first])  # rust
        assert first or torch.equal(rows[0], known[0])
    others = student.network.state_dict().keys() - rows_of(student).keys()
    assert all(torch.equal(student.network.state_dict()[key], start.network.state_dict()[key]) for key in others)
    assert note == "classifier: kept the weights of 3 of 4 classes (background, Spall, crack); new, from chance: rust"


def test_equal_names_keep_every_weight_without_a_word() -> None:
    start, student = network("deeplabv3-resnet18", OLD, 5), network("deeplabv3-resnet18", OLD)
    assert copy_matching_weights(student, start) is None
    assert all(torch.equal(a, b) for a, b in zip(start.parameters(), student.parameters(), strict=True))


def test_another_head_is_told() -> None:
    start, student = network("pspnet-resnet18", OLD), network("deeplabv3-resnet18", OLD)
    assert copy_matching_weights(student, start) == "the head starts from chance: these weights are of a pspnet head"


def test_a_class_kept_by_a_synonym_is_told_with_both_names() -> None:
    note = ClassTransfer.between(["airplane", "Sofa"], ["sofa", "aeroplane"]).note()
    assert note == "classifier: kept the weights of 2 of 2 classes (airplane from aeroplane, Sofa)"


def test_long_tables_are_told_by_their_first_names() -> None:
    names = [f"c{i}" for i in range(12)]
    assert ClassTransfer.between(names, ["old"]).note() == (
        "classifier: kept the weights of 0 of 12 classes; "
        "new, from chance: c0, c1, c2, c3, c4, c5, c6, c7 and 4 more; left out: old"
    )


def test_a_student_says_what_it_kept(tmp_path: Path) -> None:
    network("deeplabv3-resnet18", OLD).save(tmp_path / "old")
    config = StudentConfig(width=0.125, student_weights=str(tmp_path / "old"))
    note = build_student(config, NEW, 0).initial_note
    assert note is not None
    assert note.startswith("classifier: kept the weights of 3 of 4 classes")
    assert build_student(config, OLD, 0).initial_note is None
