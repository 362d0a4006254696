from pathlib import Path

import pytest
import torch
from tests.methods.toys import CLASSES, teacher
from tests.models.foundation.segmenter_makers import save_segmenter

from seglet.models.distillation.class_matching import match_teacher_classes, read_class_mapping
from seglet.models.distillation.class_teacher import ClassTeacherConfig, SharedClasses, load_class_teacher
from seglet.models.foundation.loading import quiet_libraries
from seglet.models.foundation.pretrained_segmenter import PretrainedSegmenter
from seglet.models.network import Network
from seglet.types import IGNORE, Classes
from seglet.values import ConfigError

CITYSCAPES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
CAMVID = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign_symbol",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
DEFAULTS = ClassTeacherConfig()


def found(data: tuple[str, ...], names: tuple[str, ...], **given: object) -> dict[str, str]:
    match = match_teacher_classes(Classes.named(data), names, given)
    return {data[one.label]: " + ".join(names[place] for place in one.sources) for one in match.shared}


def student() -> Network:
    return teacher().network


def test_camvids_classes_are_found_among_cityscapes() -> None:
    assert found(CAMVID, CITYSCAPES) == {
        "sky": "sky", "building": "building", "pole": "pole", "road": "road", "pavement": "sidewalk",
        "tree": "vegetation", "sign_symbol": "traffic sign", "fence": "fence", "car": "car", "pedestrian": "person",
        "bicyclist": "rider",
    }  # fmt: skip


def test_the_mapping_is_told_in_words() -> None:
    match = match_teacher_classes(Classes.named(["Sky", "pavement", "dragon"]), ["sky", "side walk", "car"])
    assert match.lines() == [
        "teacher classes: Sky ← sky; pavement ← side walk (synonym)",
        "the teacher lacks dragon: neither these classes nor pixels of them are distilled",
        "not used of the teacher: car",
    ]


def test_names_may_list_alternatives_as_ade20ks_do() -> None:
    assert found(("pavement", "car"), ("sidewalk, pavement", "car, auto, automobile")) == {
        "pavement": "sidewalk, pavement",
        "car": "car, auto, automobile",
    }


def test_a_name_comes_before_a_synonym() -> None:
    assert found(("person", "pedestrian", "sky"), ("person", "sky")) == {"person": "person", "sky": "sky"}
    assert found(("tree", "sky"), ("vegetation", "tree", "sky"))["tree"] == "tree"


def test_a_file_joins_classes_numbers_them_and_leaves_some_out(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("car: [car, truck, bus]\nsky: 10\ntree: null\n")
    given = read_class_mapping(tmp_path / "map.yaml")
    assert found(("sky", "tree", "car", "road"), CITYSCAPES, **given) == {
        "sky": "sky", "car": "car + truck + bus", "road": "road",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "names", "given", "message"),
    [
        (
            ("tree", "sky"),
            ("trees", "vegetation", "sky"),
            {},
            r"'tree' may be any of the teacher's 'trees' \(0\), 'veg",
        ),
        (("human", "people", "sky"), ("person", "sky"), {}, "'human' and 'people' are both the teacher's 'person'"),
        (("sky", "road"), ("LABEL_0", "LABEL_1"), {}, "shares 0 of the data's classes.*give it as teacher_classes"),
        (("sky", "road"), ("sky", "road"), {"raod": "road"}, "have no class 'raod'; did you mean 'road'"),
        (("sky", "road"), ("sky", "road"), {"road": "raod"}, "road: the teacher has no class 'raod'; did you mean"),
        (("sky", "road"), ("sky", "road"), {"road": 2}, "road: expected a number from 0 to 1, got 2"),
        (("sky", "road"), ("sky", "road"), {"road": 0, "sky": "sky"}, "are both the teacher's 'sky'"),
    ],
)
def test_a_mapping_that_is_not_clear_is_asked_for(data, names, given, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        match_teacher_classes(Classes.named(data), names, given)


@pytest.mark.parametrize("text", ["- road", "{", "1: road"])
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(ConfigError, match="teacher_classes: "):
        read_class_mapping(tmp_path / "map.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_class_mapping(tmp_path / "none.yaml")


def test_logits_of_shared_classes_by_hand() -> None:
    shared = SharedClasses(
        match_teacher_classes(Classes.named(["sky", "dragon", "car"]), ["car", "bus", "sky"], {"car": [0, 1]})
    )
    log = torch.tensor([0.25, 0.25, 0.5]).log().view(1, 3, 1, 1)
    taught = shared.of_teacher(log)  # sky, then car and bus together
    assert taught.softmax(1).flatten().tolist() == pytest.approx([0.5, 0.5])
    assert shared.of_student(torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)).flatten().tolist() == [1, 3]
    assert shared.spread(taught).softmax(1).flatten().tolist() == pytest.approx([0.5, 0, 0.5])
    assert shared.known(torch.tensor([[[0, 1, 2, IGNORE]]])).tolist() == [[[True, False, True, True]]]


def test_a_saved_teacher_of_the_same_classes_is_taken_as_it_is(tmp_path: Path) -> None:
    teacher().save(tmp_path / "same")
    same = load_class_teacher(str(tmp_path / "same"), DEFAULTS, CLASSES, student())
    assert same.shared is None
    assert same.notes() == []


def test_a_saved_teacher_of_other_classes_teaches_those_it_shares(tmp_path: Path) -> None:
    teacher(Classes.named(["automobile", "tree", "sky"])).save(tmp_path / "other")
    other = load_class_teacher(str(tmp_path / "other"), DEFAULTS, CLASSES, student())
    images = torch.rand(2, 3, 32, 32)
    own = other.network(images).logits
    assert torch.equal(other(images), own[:, [2, 0]])
    assert torch.equal(other.observe(images, ["logits"]).maps["logits"], own[:, [2, 0]])
    assert other.measure(["logits", "feature"])["logits"].channels == 2
    assert other.predict(images).shape == (2, 3, 32, 32)
    assert not (other.predict(images).argmax(1) == 1).any()  # it knows no road
    assert "the teacher lacks road" in other.notes()[1]


def test_a_segmenter_of_transformers_teaches_by_the_names_of_its_classes(tmp_path: Path) -> None:
    with quiet_libraries():
        save_segmenter(tmp_path / "nvidia", "segformer", ["road", "building", "sky"])
    named = f"hf:{tmp_path / 'nvidia'}"
    hub = load_class_teacher(named, DEFAULTS, CLASSES, student())
    assert isinstance(hub.network, PretrainedSegmenter)
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(hub(images), hub.network(images)[:, [2, 0]])
    assert torch.equal(hub.predict(images)[:, :2], hub.network.predict(images)[:, [2, 0]])
    assert hub.notes()[0].startswith(f"teacher {named}: segformer of 3 classes, sha256:")
    assert hub.notes()[1] == "licence of the teacher's weights: not known here; see its page or folder"
    assert hub.state_dict() == {}
    with pytest.raises(ValueError, match="nothing to tap at 'feature': a segmenter of transformers gives its logits"):
        hub.measure(["logits", "feature"])


def test_an_average_needs_no_mapping_and_follows_the_student() -> None:
    net = student()
    average = load_class_teacher("ema", ClassTeacherConfig(ema_momentum=0.5), CLASSES, net)
    before = average.network.head.tail.classifier.bias.clone()
    with torch.no_grad():
        net.head.tail.classifier.bias += 1
    average.follow(net, 10)
    assert torch.allclose(average.network.head.tail.classifier.bias, before + 0.5)
    with pytest.raises(ConfigError, match="the teacher `ema` has the student's classes"):
        load_class_teacher("ema", ClassTeacherConfig(teacher_classes="map.yaml"), CLASSES, net)
    with pytest.raises(ValueError, match="EMA momentum in"):
        load_class_teacher("ema", ClassTeacherConfig(ema_momentum=2), CLASSES, net)
