import hashlib
from itertools import pairwise

import numpy as np
import pytest

from seglet.data.errors import DataError
from seglet.data.world.backgrounds import BACKGROUND_KINDS
from seglet.data.world.dataset import World
from seglet.data.world.plan import SHAPE_NAMES, Difficulty
from seglet.data.world.scene import WORLD_CLASSES, draw_scene


def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def pixels(shown, label):
    return int((shown.labels == label).sum())


def test_scenes_are_these_on_every_machine():
    """A new value here needs a new `WORLD_VERSION`."""
    shown = [draw_scene(seed, size) for seed in range(20) for size in (64, 96)]
    assert digest(*(s.image for s in shown)) == "8838d9e584a111e00941fedd0f2d3281896f8e69bbe988ce9009e9c249aa151d"
    assert digest(*(s.labels for s in shown)) == "3e69520301e377bb42b4f1301511f34e61367d5e514b85f949ae0c22de29d4a4"
    assert digest(*(s.dark for s in shown)) == "4cc02443034a178c066961deb258553ac34ea0e883c238be20c1ddeb35fbc02e"
    assert digest(*(s.depth for s in shown)) == "ad9b6ead3671ffe7abee493659dac24521df30fa8dd60b272e40791a62367da6"


def test_reading_in_any_order_gives_the_same_scene():
    forwards, backwards = World(scenes=5), World(scenes=9)
    backwards.read(7)
    assert np.array_equal(forwards.read(3).image, backwards.read(3).image)


def test_every_object_shows_seventy_pixels_and_every_tag_has_a_pixel():
    for sample in map(World(scenes=150).read, range(150)):
        present = set(np.unique(sample.labels).tolist()) - {0}
        assert present == set(sample.tags)
        assert min((sample.labels == tag).sum() for tag in sample.tags) >= 70


def test_splits_and_seeds_share_no_scene():
    worlds = [World(split, scenes=40) for split in ("train", "val", "test", "pretrain")] + [World(scenes=40, seed=1)]
    assert len({digest(w.read(i).image) for w in worlds for i in range(40)}) == 200


def test_fingerprint_names_the_content_and_nothing_else():
    same = {World().fingerprint, World(split="train", scenes=2000).fingerprint}
    other = [World("val"), World(scenes=9), World(size=32), World(seed=1), World(difficulty=Difficulty(clutter=0))]
    assert len(same) == 1
    assert len(same | {w.fingerprint for w in other}) == 6


@pytest.mark.parametrize("size", [16, 33, 100])
def test_another_size_shows_the_same_things(size):
    small, large = draw_scene(8, size), draw_scene(8, 256)
    assert small.image.shape == (size, size, 3)
    assert small.plan == large.plan
    for tag in large.tags:
        assert pixels(small, tag) / size**2 == pytest.approx(pixels(large, tag) / 256**2, abs=0.02)


def test_caption_names_every_object_and_the_background():
    for seed in range(60):
        shown = draw_scene(seed)
        words = shown.caption.replace(",", "").split()
        assert {WORLD_CLASSES.names[tag] for tag in shown.tags} <= set(words)
        assert shown.caption.endswith(BACKGROUND_KINDS[shown.plan.background].phrase)


def test_objects_are_nearer_than_what_they_hide():
    for seed in range(60):
        depths = [
            draw_scene(seed).depth[draw_scene(seed).labels == 1 + SHAPE_NAMES.index(t.shape)]
            for t in draw_scene(seed).plan.objects
        ]
        assert all(front.max() < back.min() for back, front in pairwise(depths))


def test_objects_stand_before_the_ground_at_their_foot():
    for seed in range(60):
        shown = draw_scene(seed)
        assert shown.depth.min() >= 0
        assert shown.depth.max() <= 1
        assert shown.depth[shown.labels > 0].max() < shown.depth[0].max()


def test_dark_version_is_dark_noisy_and_still_the_scene():
    shown = [draw_scene(seed) for seed in range(30)]
    bright, dark = np.stack([s.image for s in shown]), np.stack([s.dark for s in shown])
    assert dark.mean() < 0.35 * bright.mean()
    assert min(np.corrcoef(b.ravel(), d.ravel())[0, 1] for b, d in zip(bright, dark, strict=True)) > 0.4


def test_co_occurrence_ties_the_background_to_the_shape():
    alone = {"one": 1.0, "two": 0.0}
    tied, free = (World(scenes=60, difficulty=Difficulty(co_occurrence=c, **alone)) for c in (1.0, 0.0))
    ball = [[w.scene(i).plan for i in range(60) if w.scene(i).tags == (1,)] for w in (tied, free)]
    assert {plan.background for plan in ball[0]} == {"grass"}
    assert len({plan.background for plan in ball[1]}) > 1


def test_shares_of_object_counts_are_those_asked_for():
    counts = np.bincount([len(World().scene(i).tags) for i in range(600)], minlength=4) / 600
    np.testing.assert_allclose(counts[1:], (0.5, 0.35, 0.15), atol=0.06)


def test_columns_come_when_asked_for():
    sample = World(scenes=1, columns=("depth", "dark")).read(0)
    assert sample.columns["depth"].shape == (64, 64)
    assert sample.columns["dark"].dtype == np.uint8
    assert World(scenes=1).read(0).columns == {}


def test_ids_are_a_sequence_without_being_stored():
    ids = World("val", scenes=2**40).ids
    assert (ids[3], ids[-1], ids[1:3]) == ("val-000003", "val-1099511627775", ["val-000001", "val-000002"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"split": "trian"}, "no split 'trian'; did you mean 'train'"),
        ({"columns": ("deth",)}, "no column 'deth'; did you mean 'depth'"),
        ({"scenes": 0}, "expected 1 to"),
        ({"size": 8}, "at least 16"),
        ({"seed": -1}, "a seed from 0"),
    ],
)
def test_worlds_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(DataError, match=message):
        World(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"co_occurrence": 1.5}, {"one": 0.8, "two": 0.4}, {"smallest": 0.4}, {"clutter": -1}]
)
def test_impossible_difficulties_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        Difficulty(**wrong)
