"""Captions and words the tiny models learn from."""

import torch
from tools.pretrain.texts import content, content_places, with_opening, words

from seglet.data.world.dataset import World


def test_every_caption_is_made_of_known_words():
    world = World("pretrain", scenes=50)
    said = {word for index in range(50) for word in world.scene(index).caption.replace(",", " ,").split()}
    assert said <= set(words())


def test_content_is_shapes_and_background():
    assert content("a photo of a red striped ring, an arrow and a box in front of a striped wall") == (
        "ring",
        "arrow",
        "box",
        "wall",
    )


def test_a_brick_wall_is_brick():
    assert content("a moon in front of a brick wall") == ("moon", "brick")


def test_an_opening_is_replaced():
    assert with_opening("an image of a ball on sand", "this is") == "this is a ball on sand"


def test_a_caption_without_opening_gets_one():
    assert with_opening("a ball on sand", "this is") == "this is a ball on sand"


def test_places_of_content_are_found_from_the_end():
    places = content_places(torch.tensor([[9, 1, 7, 2, 8, 8], [9, 7, 7, 7, 8, 8]]), [1, 2])
    assert places.tolist() == [[3, 1, -1, -1], [-1, -1, -1, -1]]
