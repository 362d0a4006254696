"""Tags that a person types, and the masks that a method makes of them."""

import numpy as np
import pytest

from seglet.data.world.dataset import World
from seglet.files import write_json
from seglet.inference.from_tags import classes_named, open_method
from seglet.webapp.open_vocabulary import OpenVocabulary, parse_tags

CLIP = {"method": "diclip", "clip_model": "tiny-clip", "attention": "identity", "cache_from": "none", "par_steps": 2}
IMAGE = World("val", scenes=1, size=32).read(0).image


@pytest.fixture
def open_for(tmp_path):
    write_json(tmp_path / "e.yaml", CLIP)
    return lambda names: open_method(str(tmp_path / "e.yaml"), classes_named(names), None, "cpu")


def test_tags_stand_between_commas_semicolons_and_lines():
    assert parse_tags(" cat, dog ;big  cat\ncat,,") == ["cat", "dog", "big cat"]


@pytest.mark.parametrize(("text", "message"), [(" , ", "type what is in the image"), (",".join("abcdefg" * 9), None)])
def test_an_empty_text_is_refused(text, message):
    if message is None:
        assert len(parse_tags(text)) == 7
    else:
        with pytest.raises(ValueError, match=message):
            parse_tags(text)


def test_too_many_tags_are_refused():
    with pytest.raises(ValueError, match="33 tags were typed; give at most 32"):
        parse_tags(",".join(map(str, range(33))))


def test_masks_are_of_the_tags_alone_and_maps_come_with_them(open_for):
    vocabulary = OpenVocabulary("diclip", open_for(["star", "moon"]))
    prediction = vocabulary.predict(IMAGE, "a.png", "moon")
    assert set(np.unique(prediction.labels)) <= {0, 2}
    assert list(prediction.maps) == ["CAM of moon"]
    assert prediction.maps["CAM of moon"].shape == prediction.labels.shape == (32, 32)
    assert "no uncertainty" in prediction.message
    np.testing.assert_array_equal(vocabulary.labels(IMAGE, "a.png", "moon"), prediction.labels)


def test_a_tag_that_is_no_class_is_answered_with_the_nearest(open_for):
    with pytest.raises(ValueError, match="there is no class 'mon'; did you mean 'moon'"):
        OpenVocabulary("diclip", open_for(["star", "moon"])).predict(IMAGE, "a.png", "mon")


def test_predictors_are_kept_for_their_tags(open_for):
    asked = []
    vocabulary = OpenVocabulary("diclip", None, lambda names: asked.append(list(names)) or open_for(names))
    for text in ("star, moon", "star,moon", "moon"):
        vocabulary.predict(IMAGE, "a.png", text)
    assert asked == [["star", "moon"], ["moon"]]


def test_the_background_is_no_tag(open_for):
    with pytest.raises(ValueError, match="no class 'background'"):
        OpenVocabulary("diclip", open_for(["star"])).predict(IMAGE, "a.png", "background")
    with pytest.raises(ValueError, match="background"):
        OpenVocabulary("diclip", None, open_for).predict(IMAGE, "a.png", "background")
