from typing import Any

import numpy as np
import pytest
import torch
from tests.data.toys import Toys, random_image, sample

from seglet.data.augment.copy_paste import find_donors, paste_class
from seglet.data.augment.geometry import Augmentation, augmented_view, whole_image
from seglet.data.augment.terms import AUGMENT_PRESETS, parse_augment
from seglet.data.dataset import Sample
from seglet.data.errors import DataError
from seglet.data.loading.sample_views import SampleViews, require_labels
from seglet.types import IGNORE

ALL = ("turn", "vflip", "rotate degrees=30", "aspect", "elastic", "colour", "gamma", "blur", "noise", "jpeg")


def view(*terms: str, of: Sample | None = None, seed: int = 0, **more: Any) -> Any:
    plain = {"crop": (20, 30), "scale": (1, 1), "flip": 0}
    augment = Augmentation(**{**plain, **more}, more=parse_augment(terms))
    return augmented_view(of or sample(), augment, np.random.default_rng(seed))


def same(one: Any, other: Any) -> bool:
    return torch.equal(one.image, other.image) and np.array_equal(one.labels, other.labels)


@pytest.mark.parametrize("terms", [ALL, *((name,) for name in AUGMENT_PRESETS)])
def test_a_view_is_a_function_of_its_generator(terms: tuple[str, ...]) -> None:
    one, again, other = (view(*terms, seed=seed) for seed in (3, 3, 4))
    assert same(one, again)
    assert not torch.equal(one.image, other.image)
    assert one.image.shape == (3, 20, 30)
    assert 0 <= one.image.min() <= one.image.max() <= 1


def test_a_vertical_flip_is_exact() -> None:
    found = view("vflip chance=1")
    assert torch.equal(found.image.flip(1), whole_image(sample())[0])
    assert np.array_equal(found.labels[::-1], sample().labels)


def test_right_angles_are_exact_and_come_alike() -> None:
    square, whole = sample(20, 20), whole_image(sample(20, 20))[0]
    drawn = [view("turn", of=square, seed=seed, crop=(20, 20)) for seed in range(40)]
    turns = [next(k for k in range(4) if torch.equal(one.image, whole.rot90(k, (1, 2)))) for one in drawn]
    assert set(turns) == {0, 1, 2, 3}
    assert all(np.array_equal(one.labels, np.rot90(square.labels, k)) for one, k in zip(drawn, turns, strict=True))


def test_a_rotation_by_a_right_angle_is_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seglet.data.augment.terms.Rotate.draw", lambda *_: {"angle": 90.0})
    found = view("rotate", of=sample(20, 20), crop=(20, 20))
    torch.testing.assert_close(found.image, whole_image(sample(20, 20))[0].rot90(1, (1, 2)))
    assert np.array_equal(found.labels, np.rot90(sample(20, 20).labels))


def test_what_a_rotation_leaves_empty_is_padding() -> None:
    found = view("rotate degrees=45", seed=2)
    assert 0 < found.valid.sum() < found.valid.size
    assert (found.labels[~found.valid] == IGNORE).all()


@pytest.mark.parametrize("terms", [("turn", "vflip"), ("rotate degrees=40", "elastic", "aspect")])
@pytest.mark.parametrize("seed", range(3))
def test_columns_follow_the_image_and_the_mask(terms: tuple[str, ...], seed: int) -> None:
    image = random_image(20, 30).astype(np.float32) / 255
    shown = sample(columns={"image": image, "mask": sample().labels})
    found = view(*terms, of=shown, seed=seed, scale=(0.7, 1.4), crop=(17, 23))
    assert (found.columns["image"] - found.image).abs().max() < 2 / 255
    assert np.array_equal(found.columns["mask"].numpy(), found.labels)


def test_a_grid_column_is_refused_by_name_where_it_cannot_follow() -> None:
    shown = sample(columns={"tokens": np.zeros((3, 4), np.float32)})
    assert view("aspect", "blur", of=shown).columns["tokens"].shape == (3, 4)
    with pytest.raises(DataError, match=r"column 'tokens' .* cannot follow turn, vflip"):
        view("turn", "blur", "vflip", of=shown)


def test_terms_of_colour_leave_the_mask() -> None:
    found = view("colour", "gamma", "blur", "noise", "jpeg")
    assert np.array_equal(found.labels, sample().labels)
    assert not torch.equal(found.image, view().image)


def test_a_term_after_a_preset_replaces_its_own() -> None:
    terms = {one.name: one.term for one in parse_augment(("aerial", "blur sigma=3")).terms}
    assert terms.keys() == {"turn", "vflip", "aspect", "colour", "blur"}
    assert (terms["blur"].sigma, terms["blur"].chance) == (3, 1)


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("rotat", "did you mean 'rotate'"),
        ("rotate angle=3", "unknown key 'angle'"),
        ("blur chance=0", "leave the term out"),
        ("aspect ratio=0.5", "ratio: expected 1 to 4"),
        ("aerial chance=0.5", "has no options"),
    ],
)
def test_what_cannot_be_augmented_is_said(term: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_augment((term,))


def test_a_rare_class_is_pasted_with_its_columns() -> None:
    """The donor's upper row is rare; it lies over the view in image, mask and column, and nothing else does."""
    rare = np.zeros((20, 30), np.uint8)
    rare[0] = 2
    host, donor = (
        view(of=Sample("x", random_image(20, 30, seed), labels, columns={"mask": labels}))
        for seed, labels in ((0, np.zeros_like(rare)), (1, rare))
    )
    found = paste_class(host, donor, 2)
    assert np.array_equal(found.labels, rare)
    assert torch.equal(found.columns["mask"], torch.from_numpy(rare))
    assert torch.equal(found.image, torch.cat([donor.image[:, :1], host.image[:, 1:]], dim=1))


def test_rare_classes_are_pasted_by_seed_and_position_alone() -> None:
    common, rare = (Sample(str(label), random_image(8, 8, label), np.full((8, 8), label, np.uint8)) for label in (1, 2))
    data = Toys([common, common, common, rare])
    assert find_donors(data).images == {2: (3,)}
    augment = Augmentation(crop=(8, 8), scale=(1, 1), copy_paste=0.5)
    views = SampleViews(data, augment, 0, require_labels)
    pasted = [bool((views[0, position].labels == 2).all()) for position in range(20)]
    assert pasted == [bool((views[0, position].labels == 2).all()) for position in range(20)]
    assert 4 < sum(pasted) < 16
