"""Images without masks beside labelled ones: which are found, and the steps that both come in."""

from itertools import islice

import pytest
import torch
from tests.data.disk import mask, write_image

from seglet.data.augment.geometry import Augmentation
from seglet.data.errors import DataError
from seglet.data.loading.data_config import SplitSource
from seglet.data.loading.loaders import labelled_loader
from seglet.data.loading.partly_labelled import PartlyLabelledConfig, PartlyLabelledDataset, unlabelled_count
from seglet.data.loading.step_sampler import StepSampler
from seglet.data.world.dataset import World
from seglet.types import IGNORE, Labelled

AUGMENT = Augmentation(crop=(16, 16))
FEW = SplitSource("world", "1_4/labelled", "val", world_scenes=12, world_size=24)


def both() -> PartlyLabelledDataset:
    return PartlyLabelledDataset(*(World(f"1_4/{kind}", scenes=12, size=24) for kind in ("labelled", "unlabelled")))


def steps(count: int = 2, workers: int = 0, **sampler: int) -> list[Labelled]:
    data, config = both(), PartlyLabelledConfig(unlabelled_share=0.5)
    loader = config.loader(Labelled, data, AUGMENT, StepSampler(len(data), batch=4, seed=1, **sampler), workers)
    return list(islice(loader, count))


def test_a_step_holds_labelled_views_and_then_views_that_are_void_everywhere() -> None:
    first, second = steps()
    known, unknown = set(both().labelled.ids), set(both().unlabelled.ids)
    for step in (first, second):
        assert set(step.ids[:2]) <= known
        assert set(step.ids[2:]) <= unknown
        assert (step.target.labels[:2] != IGNORE).any()
        assert (step.target.labels[2:] == IGNORE).all()
    assert not torch.equal(first.images[2:], second.images[2:])


def test_labelled_views_are_those_of_training_without_the_others() -> None:
    few = both().labelled
    alone = next(iter(labelled_loader(few, AUGMENT, StepSampler(len(few), batch=2, seed=1))))
    assert torch.equal(steps(1)[0].images[:2], alone.images)
    assert torch.equal(steps(1)[0].target.labels[:2], alone.target.labels)


@pytest.mark.parametrize("changes", [{"start_step": 1}, {"workers": 1, "start_step": 1}])
def test_a_later_start_continues_the_same_steps(changes: dict[str, int]) -> None:
    second, again = steps()[1], steps(1, **changes)[0]
    assert again.ids == second.ids
    assert torch.equal(again.images, second.images)


def test_every_step_has_images_of_both_kinds() -> None:
    assert [unlabelled_count(8, share) for share in (0.5, 0.3, 0.01, 0.99)] == [4, 2, 1, 7]
    with pytest.raises(DataError, match="a step of one image cannot hold"):
        unlabelled_count(1, 0.5)


def test_images_without_masks_join_by_themselves_and_may_be_left_out() -> None:
    sets = PartlyLabelledConfig().datasets(FEW)
    assert {name: len(data) for name, data in sets.items()} == {"1_4/unlabelled": 9, "val": 100, "1_4/labelled": 3}
    assert isinstance(sets["1_4/labelled"], PartlyLabelledDataset)
    assert len(PartlyLabelledConfig().training_images(FEW)) == 12
    (note,) = PartlyLabelledConfig().training_notes(sets["1_4/labelled"], steps=9, batch=4)
    assert note.startswith("3 labelled and 9 unlabelled images, 2 and 2 of each step: a labelled image comes 6.0 times")
    assert PartlyLabelledConfig(unlabelled_share=0.0).datasets(FEW).keys() == {"val", "1_4/labelled"}


def test_without_such_images_nothing_changes_unless_they_are_asked_for() -> None:
    whole = SplitSource("world", "train", "val", world_scenes=12, world_size=24)
    assert PartlyLabelledConfig().datasets(whole).keys() == {"val", "train"}
    with pytest.raises(DataError, match="'world' has no images without masks that belong to 'train'"):
        PartlyLabelledConfig(unlabelled_share=0.5).datasets(whole)


def test_a_split_called_unlabelled_is_found_in_a_folder(tmp_path) -> None:
    for name in ("train/a", "val/b"):
        write_image(tmp_path / "images" / f"{name}.png", shade=5 if name == "val/b" else 9)
        mask(tmp_path / "masks" / f"{name}.png", 0, 1)
    write_image(tmp_path / "images" / "unlabelled" / "c.png", shade=7)
    assert SplitSource(str(tmp_path), "train", "val").find_unlabelled_split() == "unlabelled"
    assert SplitSource(str(tmp_path), "pascal/92/labeled", "val").find_unlabelled_split() == "pascal/92/unlabeled"


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="unlabelled_share: expected 0 up to below 1"):
        PartlyLabelledConfig(unlabelled_share=share)
