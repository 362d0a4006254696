"""Few images with masks, many without: which belongs where, and the steps they come in."""

from itertools import islice

import numpy as np
import pytest
import torch
from tests.data.disk import mask, write_image
from tests.data.toys import Toys, sample

from seglet.data.augment.geometry import Augmentation
from seglet.data.augment.strong import StrongAugmentation, gaussian_blur, strong_view
from seglet.data.checking.check import check_dataset
from seglet.data.dataset import Sample
from seglet.data.errors import DataError
from seglet.data.folder_dataset import FolderDataset
from seglet.data.loading.class_balance import class_balanced_chances
from seglet.data.loading.loaders import labelled_loader
from seglet.data.loading.semi_dataset import SemiConfig, SemiDataset, missing_classes
from seglet.data.loading.semi_supervised_loader import semi_loader
from seglet.data.loading.step_sampler import StepSampler
from seglet.data.splits.fractions import (
    LabelledPortion,
    parse_portion,
    parse_split_name,
    split_commands,
    unlabelled_counterpart,
)
from seglet.data.world.dataset import World

AUGMENT = Augmentation(crop=(16, 16))
UNIMATCH = SemiConfig()


def world(portion="1_4", config=UNIMATCH, scenes=12):
    parts = (World(f"{portion}/{kind}", scenes=scenes, size=24) for kind in ("labelled", "unlabelled"))
    return SemiDataset(*parts, config)


def steps(data, count=3, workers=0, batch=2, **sampler):
    loader = semi_loader(data, AUGMENT, StepSampler(len(data), batch, **sampler), workers)
    return list(islice(loader, count))


@pytest.mark.parametrize(
    ("text", "portion"),
    [
        ("92", LabelledPortion(92)),
        ("1_8", LabelledPortion(1, 8)),
        ("1/8", LabelledPortion(1, 8)),
        ("1_0", None),
        ("x", None),
        ("", None),
    ],
)
def test_portions_are_read(text, portion):
    assert parse_portion(text) == portion


def test_a_portion_leaves_some_images_on_both_sides():
    assert (LabelledPortion(1, 8).of(2000), LabelledPortion(1, 8).of(3), LabelledPortion(92).of(93)) == (250, 1, 92)
    for wrong in (LabelledPortion(93), LabelledPortion(0), LabelledPortion(8, 8)):
        with pytest.raises(DataError, match="cannot keep the masks of"):
            wrong.of(93)


def test_names_of_splits_say_which_part_they_are():
    assert parse_split_name("1_8/labelled") == (LabelledPortion(1, 8), True)
    assert parse_split_name("92/unlabeled") == (LabelledPortion(92), False)
    assert parse_split_name("pascal/92/labeled") is None


def test_the_commands_that_make_missing_splits_know_their_seeds() -> None:
    wanted = ["92/labelled", "27-seed1/labelled", "27-seed1/unlabelled", "1_8-seed2/labelled", "train", "1_4/labelled"]
    assert split_commands("DIR", wanted, ["1_4/labelled"]) == [
        "seglet data split DIR --count 92",
        "seglet data split DIR --count 27 --seed 1",
        "seglet data split DIR --share 1/8 --seed 2",
    ]
    assert unlabelled_counterpart("pascal/92/labeled") == unlabelled_counterpart("voc/92") == "pascal/92/unlabeled"
    with pytest.raises(DataError, match="set unlabelled_split"):
        unlabelled_counterpart("train")


def test_the_world_divides_its_training_scenes_and_hides_the_masks_of_the_rest():
    all_of_it, few, rest = (World(s, scenes=10, size=24) for s in ("train", "3/labelled", "3/unlabelled"))
    assert [*few.ids, *rest.ids] == list(all_of_it.ids)
    assert np.array_equal(rest.read(0).image, all_of_it.read(3).image)
    assert (rest.read(0).labels, rest.read(0).tags) == (None, None)
    assert few.read(0).labels is not None
    assert len({all_of_it.fingerprint, few.fingerprint, rest.fingerprint}) == 3


def test_a_step_holds_masks_for_some_and_weak_and_strong_views_of_others():
    (step,) = steps(world(config=SemiConfig(unlabelled_ratio=2)), count=1)
    assert step.labelled.target.labels.shape == (2, 16, 16)
    assert step.unlabelled.images.shape == (4, 3, 16, 16)
    assert step.unlabelled.strong.shape == (2, 4, 3, 16, 16)
    assert step.unlabelled.valid.dtype == torch.bool
    assert len(step.partner.ids) == 4
    assert set(step.labelled.ids) <= {"train-000000", "train-000001", "train-000002"}
    assert not set(step.labelled.ids) & set(step.unlabelled.ids)


def test_a_reversed_partner_needs_no_images_of_its_own():
    assert steps(world(config=SemiConfig(partner="reversed", streams=1)), count=1)[0].partner is None


def test_a_divided_step_pastes_the_same_reversed_partners_as_the_undivided_one():
    data = world(config=SemiConfig(partner="reversed", streams=1))
    (whole,), parts = steps(data, count=1, batch=4, start_step=1), steps(data, 4, batch=1, accumulate=4, start_step=1)
    assert [part.partner.ids[0] for part in parts] == list(whole.unlabelled.ids[::-1])
    assert torch.equal(torch.cat([part.partner.strong for part in parts], 1), whole.unlabelled.strong.flip(1))


def test_a_step_of_one_unlabelled_image_says_that_nothing_is_pasted():
    config = SemiConfig(partner="reversed", streams=1)
    notes = [config.training_notes(world(config=config), 10, batch)[-1] for batch in (1, 2)]
    assert notes[0].startswith("CutMix pastes nothing: a step has one unlabelled image")
    assert "CutMix" not in notes[1]


def test_labelled_views_are_those_of_the_labelled_images_alone():
    data = world()
    (step,) = steps(data, count=1)
    alone = next(iter(labelled_loader(data.labelled, AUGMENT, StepSampler(3, 2))))
    assert torch.equal(step.labelled.images, alone.images)


@pytest.mark.parametrize("again", [{"workers": 2}, {"start_step": 2, "count": 1}])
def test_steps_do_not_depend_on_workers_or_where_they_resume(again):
    whole, other = steps(world())[-1], steps(world(), **again)[-1]
    for part in ("unlabelled", "partner"):
        assert getattr(whole, part).ids == getattr(other, part).ids
        assert torch.equal(getattr(whole, part).strong, getattr(other, part).strong)
    assert torch.equal(whole.labelled.images, other.labelled.images)


def test_a_short_list_is_repeated_while_the_long_one_is_taken_once():
    taken = steps(world("1"), count=11, batch=1)
    assert {step.labelled.ids for step in taken} == {("train-000000",)}
    assert len({step.unlabelled.ids for step in taken}) == 11


def test_strong_views_share_the_geometry_of_the_weak_one():
    still = SemiConfig(strong_jitter_chance=0, strong_grey_chance=0, strong_blur_chance=0)
    (step,) = steps(world(config=still), count=1)
    assert torch.equal(step.unlabelled.strong[0], step.unlabelled.images)
    assert torch.equal(step.unlabelled.strong[1], step.unlabelled.images)


def test_strong_views_differ_from_each_other_and_stay_in_range():
    image = np.random.default_rng(0).random((9, 7, 3), np.float32)
    first, second = (
        strong_view(image, StrongAugmentation(jitter_chance=1), np.random.default_rng(seed)) for seed in (1, 2)
    )
    assert not np.allclose(first, second)
    assert first.min() >= 0
    assert first.max() <= 1


def test_blur_keeps_the_mean_of_an_even_image_and_spreads_a_dot():
    dot = np.zeros((9, 9, 1), np.float32)
    dot[4, 4] = 1
    spread = gaussian_blur(dot, 1.0)
    assert spread.sum() == pytest.approx(1, abs=0.01)
    assert spread[4, 4, 0] / spread[4, 5, 0] == pytest.approx(np.exp(0.5), rel=1e-5)
    np.testing.assert_allclose(gaussian_blur(np.full((1, 2, 3), 0.4, np.float32), 2.0), 0.4, rtol=1e-6)


def test_an_image_that_is_labelled_and_unlabelled_is_refused_by_name():
    few = Toys([sample(seed=1)])
    with pytest.raises(DataError, match=r"1 of 2 unlabelled images are also labelled, such as 'toy1'"):
        SemiDataset(few, Toys([sample(seed=0), sample(seed=1)]), SemiConfig())


def test_a_copy_of_a_labelled_image_is_found_under_another_name(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / "images" / f"{name}.png", shade=5)
        mask(tmp_path / "masks" / f"{name}.png", 0, 1)
    description = check_dataset(tmp_path).description
    first, second = (FolderDataset(description, [item]) for item in description.splits["all"])
    with pytest.raises(DataError, match="also labelled, such as 'b'"):
        SemiDataset(first, second, SemiConfig())


def test_classes_that_no_mask_shows_are_named():
    blank = Sample("blank", np.zeros((2, 2, 3), np.uint8), np.array([[0, 0], [0, 255]], np.uint8))
    assert missing_classes(Toys([blank])) == ["thing", "other"]
    toys = Toys([sample(seed=0), sample(seed=1)])
    assert missing_classes(toys) == []
    assert toys.reads == [1, 0]


def shows(*labels):
    return Sample("one", np.zeros((1, len(labels), 3), np.uint8), np.array([labels], np.uint8))


def test_every_class_is_drawn_as_often_as_others():
    chances = class_balanced_chances(Toys([shows(0), shows(0, 1), shows(0, 2, 255)]))
    assert chances == pytest.approx((1 / 9, 1 / 9 + 1 / 3, 1 / 9 + 1 / 3))


def test_an_image_that_shows_no_class_is_not_drawn():
    assert class_balanced_chances(Toys([shows(255), shows(1)])) == (0, 1)
    assert class_balanced_chances(Toys([shows(255), shows(255)])) == (0.5, 0.5)
