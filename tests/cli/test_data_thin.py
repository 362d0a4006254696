"""`seglet data thin`: sparse labels simulated from masks."""

import json

import numpy as np
import pytest
from tests.data.disk import text, write_image

from seglet.data.opening import open_dataset
from seglet.data.simulated_labels import SparseSimulation
from seglet.images import write_mask
from seglet.types import Classes

LABELS = np.zeros((8, 10), np.uint8)
LABELS[1:5, 1:5] = 1
LABELS[4, 4] = 0
BACKGROUND = 0


def rng():
    return np.random.default_rng(0)


def test_one_point_of_each_region_is_left():
    thinned, regions = SparseSimulation("points", radius=0).thin(LABELS, BACKGROUND, rng())
    assert regions == 2
    assert ((thinned == 0).sum(), (thinned == 1).sum(), (thinned == 255).sum()) == (1, 1, 78)


@pytest.mark.parametrize("kind", ["points", "scribbles"])
def test_strokes_never_leave_their_regions(kind):
    thinned, _ = SparseSimulation(kind, 2).thin(LABELS, BACKGROUND, rng())
    known = thinned != 255
    assert (thinned[known] == LABELS[known]).all()
    assert set(np.unique(thinned)) == {0, 1, 255}


def test_boxes_leave_the_background_outside_and_a_core():
    thinned, regions = SparseSimulation("boxes", core=0.25).thin(LABELS, BACKGROUND, rng())
    assert regions == 1
    assert thinned[1:5, 1:5].tolist() == [[255] * 4, [255, 1, 1, 255], [255, 1, 1, 255], [255] * 4]
    assert (thinned == 0).sum() == 80 - 16


def test_the_command_thins_one_split_and_keeps_the_other(tmp_path, seglet):
    text(tmp_path / "data/classes.txt", "0 background", "1 car")
    for split in ("train", "val"):
        write_image(tmp_path / f"data/{split}/imgs/a{split}.png", size=(8, 10))
        path = tmp_path / f"data/{split}/masks/a{split}.png"
        path.parent.mkdir(parents=True)
        write_mask(path, LABELS, Classes(("background", "car"), ((0, 0, 0), (9, 9, 9))))
    words = ("data", "thin", tmp_path / "data", "--points", "1", "--radius", "0", "--out", tmp_path / "out", "--json")
    assert json.loads(seglet(*words).out)["regions"] == 2
    assert (open_dataset(str(tmp_path / "out"), "train")[0].labels != 255).sum() == 2
    assert (np.asarray(open_dataset(str(tmp_path / "out"), "val")[0].labels) == LABELS).all()
