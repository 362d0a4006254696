"""`seglet data pair`."""

import json

import numpy as np
import pytest
from tests.data.disk import mask, text, write_image

from seglet.data.opening import open_dataset
from seglet.images import read_image


@pytest.fixture
def lis(tmp_path):
    """Two dark images with masks, 2 and 4, and the same by day without, 1 and 3."""
    text(tmp_path / "dark/classes.txt", "0 background", "1 car")
    for number in (2, 4):
        write_image(tmp_path / f"dark/train/imgs/{number}.png", shade=number)
        mask(tmp_path / f"dark/train/masks/{number}.png", 0, 1)
        write_image(tmp_path / f"light/train/imgs/{number - 1}.png", shade=number + 10)
    return tmp_path


def test_images_by_day_get_the_masks_and_names_of_their_partners_at_night(lis, seglet):
    shown = seglet("data", "pair", lis / "dark", lis / "light", "--offset", "-1", "--json")
    assert json.loads(shown.out)["splits"] == {"train": 2}
    day = open_dataset(str(lis / "light"), "train")
    assert list(day.ids) == list(open_dataset(str(lis / "dark"), "train").ids) == ["2", "4"]
    assert np.unique(day[0].labels).tolist() == [0, 1]
    np.testing.assert_array_equal(day[0].image, read_image(write_image(lis / "same.png", shade=12)))


def test_pairs_without_partner_or_of_other_sizes_lend_nothing(lis, seglet):
    assert "2 of 2 dark images have no light image" in seglet("data", "pair", lis / "dark", lis / "light").err
    write_image(lis / "light/train/imgs/3.png", shade=14, size=(6, 9))
    shown = seglet("data", "pair", lis / "dark", lis / "light", "--offset", "-1")
    assert "1 of 2 pairs do not have one size: '4' is 8x6, its light image '3' 9x6" in shown.err


def test_images_without_annotation_have_none_to_lend(lis, seglet):
    assert "has neither masks nor tags; `seglet data check`" in seglet("data", "pair", lis / "light", lis / "dark").err
