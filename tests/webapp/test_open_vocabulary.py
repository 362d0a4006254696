"""Tags that a person types, and the masks that a method makes of them."""

import numpy as np
import pytest

from seglet.data.world.dataset import World
from seglet.files import write_json
from seglet.inference.from_tags import classes_named, open_method
from seglet.webapp.open_vocabulary import Words, typed

CLIP = {"method": "diclip", "clip_model": "tiny-clip", "attention": "identity", "cache_from": "none", "par_steps": 2}
IMAGE = World("val", scenes=1, size=32).read(0).image


@pytest.fixture
def learn(tmp_path):
    write_json(tmp_path / "e.yaml", CLIP)
    return lambda names: open_method(str(tmp_path / "e.yaml"), classes_named(names), None, "cpu")


def test_tags_stand_between_commas_semicolons_and_lines():
    assert typed(" cat, dog ;big  cat\ncat,,") == ["cat", "dog", "big cat"]


@pytest.mark.parametrize(("text", "told"), [(" , ", "type what is in the image"), (",".join("abcdefg" * 9), None)])
def test_nothing_typed_is_said(text, told):
    if told is None:
        assert len(typed(text)) == 7
    else:
        with pytest.raises(ValueError, match=told):
            typed(text)


def test_too_many_tags_are_refused():
    with pytest.raises(ValueError, match="33 tags were typed; at most 32"):
        typed(",".join(map(str, range(33))))


def test_masks_are_of_the_tags_alone_and_maps_come_with_them(learn):
    words = Words("diclip", learn(["star", "moon"]))
    answer = words.answer(IMAGE, "a.png", "moon")
    assert set(np.unique(answer.labels)) <= {0, 2}
    assert list(answer.maps) == ["CAM of moon"]
    assert answer.maps["CAM of moon"].shape == answer.labels.shape == (32, 32)
    assert "no uncertainty" in answer.remark
    np.testing.assert_array_equal(words.labels(IMAGE, "a.png", "moon"), answer.labels)


def test_a_word_that_is_no_class_is_answered_with_the_nearest(learn):
    with pytest.raises(ValueError, match="there is no class 'mon'; did you mean 'moon'"):
        Words("diclip", learn(["star", "moon"])).answer(IMAGE, "a.png", "mon")


def test_any_words_are_learned_once(learn):
    asked = []
    words = Words("diclip", None, lambda names: asked.append(list(names)) or learn(names))
    for text in ("star, moon", "star,moon", "moon"):
        words.answer(IMAGE, "a.png", text)
    assert asked == [["star", "moon"], ["moon"]]


def test_the_background_is_no_tag(learn):
    with pytest.raises(ValueError, match="no class 'background'"):
        Words("diclip", learn(["star"])).answer(IMAGE, "a.png", "background")
    with pytest.raises(ValueError, match="background"):
        Words("diclip", None, learn).answer(IMAGE, "a.png", "background")
