import pytest
from tests.data.disk import mask, pairs, text, write_image

from seglet.data.checking.check import check_dataset
from seglet.data.errors import DataError
from seglet.data.opening import open_dataset
from seglet.data.splits.fractions import LabelledPortion
from seglet.data.splits.stratify import draw_stratified, split_labelled


def many(count=100, rare=2):
    """Half have class 1, a tenth class 2, `rare` of them class 3; all have class 0."""
    chosen = {1: range(0, count, 2), 2: range(0, count, 10), 3: range(rare)}
    return {
        f"p{i}": frozenset({0, *(label for label, members in chosen.items() if i in members)}) for i in range(count)
    }


def shown(present, drawn, label):
    return sum(label in present[name] for name in drawn)


def test_every_class_is_drawn_and_about_as_often_as_its_share():
    present = many()
    drawn = draw_stratified(present, 20)
    assert len(set(drawn)) == 20
    assert shown(present, drawn, 3) >= 1
    assert 2 <= shown(present, drawn, 2) <= 4
    assert 9 <= shown(present, drawn, 1) <= 12


def test_as_few_images_as_rare_classes_have_all_of_them():
    present = many(rare=1)
    drawn = draw_stratified(present, 2)
    assert {label for name in drawn for label in present[name]} == {0, 1, 2, 3}


def test_the_seed_alone_decides():
    present = many()
    assert draw_stratified(present, 9, seed=4) == draw_stratified(dict(reversed(present.items())), 9, seed=4)
    assert set(draw_stratified(present, 9, seed=4)) != set(draw_stratified(present, 9, seed=5))


def test_more_than_there_are_cannot_be_drawn():
    with pytest.raises(DataError, match="cannot draw 3 of 2"):
        draw_stratified({"a": frozenset(), "b": frozenset()}, 3)


@pytest.fixture
def folder(tmp_path):
    pairs(tmp_path, "train", count=7)
    write_image(tmp_path / "images/train/odd.png", shade=99)
    mask(tmp_path / "masks/train/odd.png", 0, 2)
    text(tmp_path / "classes.txt", "0 ground", "1 thing", "2 rare", "3 never")
    return tmp_path


def test_the_two_parts_are_splits_of_the_description(folder):
    divided, missing = split_labelled(check_dataset(folder).description, "train", LabelledPortion(1, 4))
    few, rest = divided.splits["1_4/labelled"], divided.splits["1_4/unlabelled"]
    assert (len(few), len(rest)) == (2, 6)
    assert "odd" in {item.id for item in few}
    assert {item.mask for item in rest} == {None}
    assert missing == ["never"]


def test_portions_are_kept_and_opened_by_name(folder):
    divided, _ = split_labelled(check_dataset(folder).description, "train", LabelledPortion(3), seed=1)
    divided.save(folder / "dataset.json")
    assert open_dataset(str(folder), "3-seed1/labelled").read(0).labels is not None
    assert open_dataset(str(folder), "3-seed1/unlabelled").read(0).labels is None


def test_an_image_that_nobody_annotated_is_refused(tmp_path):
    for number in range(2):
        write_image(tmp_path / f"{number}.png", shade=number)
    with pytest.raises(DataError, match="no mask and no tags"):
        split_labelled(check_dataset(tmp_path).description, "all", LabelledPortion(1))
