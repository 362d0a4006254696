import pytest

from seglet.types import Classes
from seglet.values import fold_spelling


@pytest.mark.parametrize("name", ["Dining_Table", "dining-table", " DINING TABLE ", "diningtable"])
def test_ways_to_write_a_name_fold_into_one(name):
    assert fold_spelling(name) == "diningtable"


def test_letters_distinguish_names():
    assert fold_spelling("car") != fold_spelling("cat")


@pytest.mark.parametrize(
    ("names", "place"), [(("background", "cat"), 0), (("cat", "__Background__"), 1), (("cat", "backgrounds"), None)]
)
def test_background_is_known_by_its_name(names, place):
    assert Classes(names, ((0, 0, 0), (1, 1, 1))).background == place
