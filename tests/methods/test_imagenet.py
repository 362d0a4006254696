"""Masks by an ImageNet classifier: its last layer at each place, groups of its classes, maps worked out by hand."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.methods.random_classifier import random_classifier
from tests.methods.toys import labelled
from torch import Tensor, nn

from seglet.methods.imagenet import Config, Method
from seglet.methods.imagenet.groups import class_groups, group_notes
from seglet.methods.imagenet.maps import expected_highest, group_maps
from seglet.methods.imagenet.synsets import imagenet_synsets, meanings
from seglet.models.backbones.imagenet_classifier import ImageNetClassifier, load_imagenet_classifier
from seglet.models.distillation.teachers import Frozen
from seglet.types import IGNORE, Classes, Progress, Tagged
from seglet.values import ConfigError

CLASSES = Classes.named(["background", "cat", "dog"])
SMALL = {"student": "pspnet-resnet18", "output_stride": 8, "width": 0.125, "classifier": "efficientnet_lite0"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return random_classifier(tmp_path_factory.mktemp("weights"))


def method(weights: str, classes: Classes = CLASSES, **changes: object) -> Method:
    config = Config(**{**SMALL, "classifier_weights": weights, **changes})  # type: ignore[arg-type]
    return Method.build(config, classes, seed=0)


class ByColour(nn.Module):
    """A classifier that takes red for tabbies and green for Chihuahuas, at places of 16 x 16 pixels."""

    def forward(self, images: Tensor) -> Tensor:
        places = nn.functional.avg_pool2d(images, 16)
        logits = images.new_zeros(len(images), 1000, *places.shape[2:])
        logits[:, 281], logits[:, 151] = places[:, 0], places[:, 1]
        return logits


def tagged() -> Tagged:
    batch = labelled()
    return Tagged(batch.ids, batch.images, torch.tensor([[0.0, 1, 0], [0.0, 0, 1]]), batch.crop)


def members(classes: list[str], source: str = "") -> list[tuple[int, ...]]:
    return [group.members for group in class_groups(Classes.named(["background", *classes]), source)]


def test_the_classifier_reads_the_layout_of_the_packages(weights: str) -> None:
    network = load_imagenet_classifier("efficientnet_lite0", Path(weights))
    published = load_file(weights)
    assert torch.equal(network.classify.weight[:, :, 0, 0], published["_fc.weight"])
    assert torch.equal(network.widen.conv.weight, published["_conv_head.weight"])
    assert not network.training


def test_each_place_of_the_last_map_has_the_logits_of_its_features(weights: str) -> None:
    network = load_imagenet_classifier("efficientnet_lite0", Path(weights))
    images = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    logits, features = network(images), network.features(images)
    assert logits.shape == (1, 1000, 2, 3)
    own = torch.nn.functional.linear(features[0, :, 1, 2], network.classify.weight[:, :, 0, 0], network.classify.bias)
    torch.testing.assert_close(logits[0, :, 1, 2], own)


def test_a_smaller_stride_gives_more_places() -> None:
    network = ImageNetClassifier("efficientnet_lite0", output_stride=16).eval()
    assert network(torch.rand(1, 3, 64, 64)).shape == (1, 1000, 4, 4)


def test_a_file_without_its_classifier_is_refused(weights: str, tmp_path: Path) -> None:
    tensors = {name: value for name, value in load_file(weights).items() if not name.startswith("_fc")}
    save_file(tensors, tmp_path / "headless.safetensors")
    with pytest.raises(ValueError, match="has no classifier"):
        load_imagenet_classifier("efficientnet_lite0", tmp_path / "headless.safetensors")


def test_there_are_1000_classes_and_their_ancestors() -> None:
    synsets = imagenet_synsets()
    assert [synset.classes for synset in synsets[:1000]] == [(number,) for number in range(1000)]
    assert synsets[281].words == ("tabby", "tabby cat")
    assert len(synsets) == 1860


def test_a_class_is_found_by_name_by_ancestor_and_by_plural() -> None:
    assert members(["zebra", "dog", "cow"]) == [(340,), tuple(range(151, 269)), (345,)]


def test_of_several_meanings_the_word_that_comes_first_in_its_synset_wins_and_the_others_are_told() -> None:
    assert [synset.name for synset in meanings("cat", imagenet_synsets())] == ["cat, true cat", "big cat, cat"]
    notes = group_notes(class_groups(CLASSES, ""))
    assert notes[0].endswith("(WordNet's 'cat, true cat'; not 'big cat, cat')")


def test_a_class_that_imagenet_lacks_is_named_and_not_guessed() -> None:
    groups = class_groups(Classes.named(["background", "cat", "road"]), "")
    assert groups[1].members == ()
    assert "class 'road': ImageNet has no class of this name, so it gets no mask" in group_notes(groups)[1]


def test_without_any_known_class_there_is_an_error() -> None:
    with pytest.raises(ConfigError, match="ImageNet has none of the classes road, pothole"):
        members(["road", "pothole"])


def test_a_file_of_groups_goes_before_names(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text("cow: [ox, bison]\nroad: []\n")
    assert members(["cow", "road", "zebra"], str(tmp_path / "g.yaml")) == [(345, 347), (), (340,)]


@pytest.mark.parametrize(("text", "message"), [
    ("cat: [tabbby]", "'tabbby' of class 'cat' is no class of ImageNet.*did you mean 'tabby'"),
    ("cta: [tabby]", "'cta' is no class; did you mean 'cat'"),
    ("cat: 3", "expected a list of ImageNet classes for 'cat', got 3"),
    ("[cat]", "expected lines such as"),
    ("cat: tabby\ncat: lion", "listed twice"),
])  # fmt: skip
def test_a_wrong_file_of_groups_is_an_error(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        members(["cat"], str(tmp_path / "g.yaml"))


def test_every_entry_of_the_groups_of_voc_exists() -> None:
    found = dict(
        zip(["sheep", "person", "pottedplant"], members(["sheep", "person", "pottedplant"], "voc"), strict=True)
    )
    assert found["sheep"] == (348, 349, 350)
    assert {981, 982, 983} < set(found["person"])


def test_scores_by_deviation_are_those_worked_out_by_hand() -> None:
    logits = torch.tensor([4.0, 0, 0, 0])[None, :, None, None]  # mean 1, deviation sqrt(3)
    maps = group_maps(logits, [(0, 1), (2,), ()], "standard")
    torch.testing.assert_close(maps[0, :, 0, 0], torch.tensor([3 / 3**0.5, 0, 0]))


@pytest.mark.parametrize(("count", "highest"), [(1, 0.0), (2, math.pi**-0.5), (3, 1.5 * math.pi**-0.5)])
def test_the_highest_score_expected_by_chance_is_that_of_normal_values(count: int, highest: float) -> None:
    assert expected_highest(count) == pytest.approx(highest, abs=1e-6)


def test_what_a_group_has_by_chance_is_subtracted_from_its_deviation() -> None:
    logits = torch.tensor([4.0, 0, 0, 0])[None, :, None, None]  # the first is sqrt(3) deviations above the mean
    maps = group_maps(logits, [(0, 1), (0,)], "standard", chance_level=0.5)
    torch.testing.assert_close(maps[0, :, 0, 0], torch.tensor([3**0.5 - 0.5 * math.pi**-0.5, 3**0.5]))


def test_scores_by_logit_and_by_probability_are_those_worked_out_by_hand() -> None:
    logits = torch.tensor([3.0, 1, -2]).log_softmax(0)[None, :, None, None]
    chances = logits.exp()[0, :, 0, 0]
    assert not group_maps(logits, [(0, 2)], "logit").any()  # log-probabilities are below 0
    torch.testing.assert_close(group_maps(logits, [(0, 2)], "probability")[0, 0, 0, 0], chances[0] + chances[2])


def test_maps_are_of_tagged_classes_and_fill_the_range(weights: str) -> None:
    step = tagged()
    maps = method(weights).label_maps(step.images, step.tags[:, 1:])
    assert maps.shape == (2, 3, *step.images.shape[2:])
    assert not maps[0, 2].any()
    assert 0 <= maps.min() <= maps.max() <= 1


def test_maps_of_a_classifier_of_colours_are_those_worked_out_by_hand(weights: str) -> None:
    made = method(weights, cam_scales=(1.0,), place_score="logit", background_power=2.0)
    images = torch.zeros(1, 3, 16, 64)
    made.classifier = Frozen(ByColour())
    images[:, 0, :, :16], images[:, 0, :, 16:32] = 1, 0.5  # red is a cat; the background is (1 - cat) squared
    maps = made.label_maps(images, torch.tensor([[1.0, 1.0]]))
    torch.testing.assert_close(maps[0, 1, 8, ::63], torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(maps[0, 0], (1 - maps[0, 1]).square())
    assert not maps[0, 2].any()


def test_mirrored_images_have_mirrored_maps(weights: str) -> None:
    made, tags = method(weights, cam_scales=(1.0, 1.5)), torch.ones(1, 2)
    made.classifier = Frozen(ByColour())
    images = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    maps, mirrored = (made.label_maps(view, tags) for view in (images, images.flip(-1)))
    torch.testing.assert_close(mirrored.flip(-1), maps)


def test_labels_are_tagged_classes_the_background_or_void(weights: str) -> None:
    target = method(weights).target(tagged())
    assert set(target.labels[0].unique().tolist()) <= {0, 1, IGNORE}


def test_background_is_void_where_a_tagged_class_has_no_map(weights: str) -> None:
    classes = Classes.named(["background", "cat", "road"])
    made, step = method(weights, classes, confidence=0.0), tagged()
    made.classifier = Frozen(ByColour())
    step.images[0, :, :, :16], step.images[0, :, :, 16:] = 1, 0
    labels = made.target(step).labels
    assert set(labels[0].unique().tolist()) == {0, 1}
    assert (labels[1] == IGNORE).all()


def test_one_step_lowers_the_loss_and_leaves_the_classifier(weights: str) -> None:
    made, step = method(weights).train(), tagged()
    optimiser = torch.optim.SGD([p for p in made.parameters() if p.requires_grad], lr=0.01)
    before = made.losses(step, Progress(0, 10, seed=3)).total
    before.backward()
    optimiser.step()
    assert made.losses(step, Progress(0, 10, seed=3)).total < before
    assert not any(name.startswith("classifier.") for name in made.state_dict())


def test_no_labels_give_a_loss_of_zero_and_not_nan(weights: str) -> None:
    losses = method(weights, confidence=1.0).losses(replace(tagged(), tags=torch.zeros(2, 3)), Progress(0, 10, seed=3))
    assert torch.isfinite(losses.total)
