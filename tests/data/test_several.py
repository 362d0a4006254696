"""Several data sets under one name."""

import numpy as np
import pytest
from tests.data.disk import mask, text, write_image

from seglet.data.errors import DataError
from seglet.data.opening import names_of_several, open_dataset
from seglet.data.several import joined_classes
from seglet.engine.datasets import open_datasets
from seglet.engine.experiment import resolve_experiment
from seglet.types import Classes


def data_set(root, *names, ids=(0, 1), splits=("train", "val")):
    """A data set of these classes, whose masks hold two ids; both splits have the same names."""
    text(root / "classes.txt", *(f"{place} {name}" for place, name in enumerate(names)))
    for shade, split in enumerate(splits):
        write_image(root / "images" / split / "7.png", shade=shade)
        mask(root / "masks" / split / "7.png", *ids)
    return root


@pytest.fixture
def both(tmp_path):
    """Two data sets that share two of four classes, in another order."""
    first = data_set(tmp_path / "a", "background", "car", "bus", ids=(0, 2))
    return f"{first},{data_set(tmp_path / 'b', 'bottle', 'Bus', 'background')}"


def test_classes_are_joined_by_name_whatever_their_spelling():
    parts = [Classes.named(["background", "traffic light"]), Classes.named(["tram", "Traffic_Light"])]
    assert joined_classes(parts).names == ("background", "traffic light", "tram")


def test_samples_have_ids_of_their_own_and_the_labels_of_the_joined_classes(both):
    data = open_dataset(both, "train")
    assert data.classes.names == ("background", "car", "bus", "bottle")
    assert list(data.ids) == ["1/7", "2/7"]
    assert [np.unique(sample.labels).tolist() for sample in data] == [[0, 2], [2, 3]]
    assert [sample.tags for sample in data] == [(2,), (2, 3)]  # of the second: Bus, and bottle


def test_each_data_set_may_have_a_split_of_its_own_or_none(both):
    assert [sample.id for sample in open_dataset(both, "train,val")] == ["1/7", "2/7"]
    alone = open_dataset(both, "none,val")
    assert (list(alone.ids), alone.classes) == (["2/7"], open_dataset(both, "train").classes)
    for wrong in ("none", "train,val,val", "none,none"):
        with pytest.raises(DataError, match="expected one split for all, or 2 with commas between"):
            open_dataset(both, wrong)


def test_a_folder_with_a_comma_in_its_name_is_one_data_set(tmp_path):
    odd = data_set(tmp_path / "a,b", "background", "car")
    assert names_of_several(str(odd)) == [str(odd)]
    assert names_of_several("world:clutter=8,dark=1") == ["world:clutter=8,dark=1"]
    assert len(open_dataset(odd, "train")) == 1


def test_an_experiment_trains_on_several_and_pairs_them_in_order(both, tmp_path):
    light = f"{data_set(tmp_path / 'c', 'background', 'car')},{data_set(tmp_path / 'd', 'background', 'car')}"
    for folder in ("c", "d"):
        write_image(tmp_path / folder / "images/train/7.png", shade=9 if folder == "c" else 8)
    keys = {"method": "dgkd", "data": both, "light": light, "val_split": "none,val", "train_split": "train"}
    sets = open_datasets((experiment := resolve_experiment(None, keys)).settings, experiment.config)
    lights = [sample.columns["light"] for sample in sets["train"]]
    assert not np.array_equal(*lights)
    np.testing.assert_array_equal(lights[1], open_dataset(str(tmp_path / "d"), "train")[0].image)
    assert list(sets["none,val"].ids) == ["2/7"]
