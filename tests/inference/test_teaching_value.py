import numpy as np
import pytest

from seglet.inference.teaching_value import ImageMeasures, LabelledImages, ValueMix, choose_next


def image(
    uncertainty: float = 0.0, shares: tuple[float, float] = (1, 0), at: float = 0.0, **more: float
) -> ImageMeasures:
    return ImageMeasures(uncertainty, np.array(shares, float), np.array([float(at)]), **more)


def chosen(images: list[ImageMeasures], count: int, labelled: LabelledImages | None = None, **mix: float) -> list[int]:
    only = {**dict.fromkeys(("uncertainty", "rarity", "diversity", "disagreement"), 0.0), **mix}
    return [one.index for one in choose_next(images, count, ValueMix(**only), labelled)]


def test_the_most_uncertain_images_come_first() -> None:
    assert chosen([image(0.1), image(0.9), image(0.5)], 2, uncertainty=1) == [1, 2]


def test_rarity_asks_for_the_classes_that_the_labelled_images_lack() -> None:
    images, labelled = [image(shares=(1, 0)), image(shares=(0.5, 0.5))], LabelledImages(np.zeros((0, 1)))
    rare_second, rare_first = (LabelledImages(labelled.features, np.array(one)) for one in ((0.9, 0.1), (0.1, 0.9)))
    assert chosen(images, 1, rare_second, rarity=1) == [1]
    assert chosen(images, 1, rare_first, rarity=1) == [0]


def test_diversity_alone_is_k_centre_greedy() -> None:
    """From 0, which is labelled, the farthest is 10; then 4 is farthest from both."""
    images = [image(at=1), image(at=10), image(at=4), image(at=9)]
    assert chosen(images, 3, LabelledImages(np.array([[0.0]])), diversity=1) == [1, 2, 0]


def test_twins_are_not_chosen_together() -> None:
    """Two images are the most uncertain, and alike; the second place goes to one that differs."""
    images = [image(0.9, at=0), image(0.9, at=0), image(0.5, at=5), image(0.1, at=0)]
    assert chosen(images, 2, uncertainty=1, diversity=1) == [0, 2]


def test_disagreement_is_a_part_of_the_value() -> None:
    assert chosen([image(disagreement=0.1), image(disagreement=0.4)], 1, disagreement=1) == [1]


def test_values_say_of_which_parts_they_are() -> None:
    first, _ = choose_next([image(0.2), image(0.4)], 2, ValueMix())
    assert first.parts == {"uncertainty": 1.0, "rarity": 0.5, "disagreement": 0.5, "diversity": 1.0}
    assert first.value == 1.0 + 0.25 + 0.5 + 1.0


def test_a_mix_names_its_parts() -> None:
    assert ValueMix.parse(["uncertainty", "diversity=0.5"]) == ValueMix(1, 0, 0.5, 0)
    with pytest.raises(ValueError, match="did you mean 'diversity'"):
        ValueMix.parse(["diversty=1"])
    with pytest.raises(ValueError, match="one above it"):
        ValueMix.parse(["rarity=0"])
