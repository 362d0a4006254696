import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.disk import text

from seglet.data.class_table import ClassEntry
from seglet.data.description import Description, ImageItem, TagOrigin, load_description
from seglet.data.errors import DataError
from seglet.files import SEAL
from seglet.types import IGNORE

ENTRIES = (ClassEntry(0, "void", (0, 0, 0), True), ClassEntry(1, "road", (9, 9, 9)), ClassEntry(700, "car", (1, 2, 3)))


@pytest.fixture
def description(tmp_path):
    items = (
        ImageItem("a", tmp_path / "images" / "a.png", tmp_path / "a_mask.png", "1", "2"),
        ImageItem("b", tmp_path / "b.png"),
    )
    return Description(tmp_path, "folders", ENTRIES, {"train": items, "val": ()})


def test_what_is_saved_is_loaded(description, tmp_path):
    description.save(tmp_path / "dataset.json")
    assert load_description(tmp_path / "dataset.json") == description


def test_a_folder_can_be_moved_with_its_description(description, tmp_path):
    home = tmp_path / "old"
    items = (ImageItem("a", home / "a.png"),)
    replace(description, root=home, splits={"train": items}).save(home / "dataset.json")
    home.rename(tmp_path / "new")
    assert load_description(tmp_path / "new" / "dataset.json").items("train")[0].image == tmp_path / "new" / "a.png"


def test_a_description_may_lie_elsewhere(description, tmp_path):
    elsewhere = tmp_path / "home" / "dataset.json"
    root = tmp_path / "data"
    replace(description, root=root, splits={"train": (ImageItem("a", root / "a.png"),)}).save(elsewhere)
    assert load_description(elsewhere).items("train")[0].image == root / "a.png"


def test_ids_become_train_ids(description):
    labels = description.labels(np.array([[0, 1, 700, 255]], np.uint16), "a.png")
    assert labels.tolist() == [[IGNORE, 0, 1, IGNORE]]
    assert labels.dtype == np.uint8


@pytest.mark.parametrize(("value", "dtype"), [(77, np.uint8), (956, np.uint16), (-1, np.int32), (2**20, np.int32)])
def test_an_id_of_no_class_is_named_with_its_place(description, value, dtype):
    mask = np.array([[0, 1], [1, value]], dtype)
    with pytest.raises(
        DataError, match=rf"'a\.png' holds ids of no class: {value} in 1 pixels, first at row 1, column 1"
    ):
        description.labels(mask, "a.png")


def test_colours_become_train_ids(description):
    mask = np.array([[[9, 9, 9], [1, 2, 3], [0, 0, 0]]], np.uint8)
    assert replace(description, coding="colour").labels(mask, "a.png").tolist() == [[0, 1, IGNORE]]


def test_stray_colours_are_void_within_the_tolerance_and_refused_beyond(description):
    mask = np.array([[[9, 9, 9]] * 3 + [[9, 9, 8]]], np.uint8)
    assert replace(description, coding="colour", stray=0.25).labels(mask, "a.png").tolist() == [[0, 0, 0, IGNORE]]
    with pytest.raises(DataError, match=r"colours of no class: \(9, 9, 8\) in 1 pixels"):
        replace(description, coding="colour", stray=0.2).labels(mask, "a.png")


def test_red_is_never_taken_for_the_id(description):
    with pytest.raises(DataError, match="holds colours, but this data set's masks hold ids"):
        description.labels(np.array([[[1, 0, 0]]], np.uint8), "a.png")


def test_ids_may_be_repeated_in_three_channels(description):
    assert description.labels(np.array([[[0] * 3, [1] * 3]], np.uint8), "a.png").tolist() == [[IGNORE, 0]]


def test_greys_are_read_at_a_threshold(description, tmp_path):
    entries = (ClassEntry(0, "background", (0, 0, 0)), ClassEntry(255, "object", (128, 0, 0)))
    binary = replace(description, entries=entries, coding="binary_255", threshold=128)
    assert binary.labels(np.array([[0, 127, 128, 255]], np.uint8), "a.png").tolist() == [[0, 0, 1, 1]]
    binary.save(tmp_path / "dataset.json")
    assert load_description(tmp_path / "dataset.json").threshold == 128
    assert binary.fingerprint([]) != replace(binary, threshold=None).fingerprint([])


def test_a_wrong_split_names_the_right_ones(description):
    with pytest.raises(DataError, match=r"train \(2\), val \(0\); did you mean 'train'"):
        description.items("trian")


def test_the_fingerprint_follows_content_and_not_place(description):
    items = description.items("train")
    moved = [replace(item, image=item.image.with_name("moved.png")) for item in items]
    changed = [replace(item, image_hash="9") for item in items]
    renamed = replace(description, entries=(*ENTRIES[:2], ClassEntry(700, "bus", (1, 2, 3))))
    assert description.fingerprint(items) == description.fingerprint(moved)
    others = {description.fingerprint(changed), renamed.fingerprint(items), description.fingerprint(items[:1])}
    assert len(others | {description.fingerprint(items)}) == 4


def test_another_version_is_refused(tmp_path):
    with pytest.raises(DataError, match="version 99"):
        load_description(text(tmp_path / "dataset.json", '{"version": 99}'))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(deadline=None)  # a busy disk is no error
@given(
    key=st.sampled_from(["root", "layout", "coding", "stray", "max_pixels", "classes", "splits", "tags"]), value=JSON
)
def test_nonsense_in_a_description_is_an_error_of_the_data(tmp_path_factory, key, value):
    content = {"version": 1, "root": ".", "layout": "x", "coding": "index", "stray": 0, "max_pixels": 9}
    content |= {"classes": [{"id": 0, "name": "a"}], "splits": {}} | {key: value}
    path = tmp_path_factory.mktemp("fuzz") / "dataset.json"
    path.write_text(json.dumps(content))
    try:
        names = load_description(path).classes.names
    except DataError:
        names = ("a",)  # refused, in words
    assert names


def test_tags_are_kept_and_those_of_no_class_refused(description, tmp_path):
    items = tuple(replace(item, tags=tags) for item, tags in zip(description.items("train"), ((0, 1), ()), strict=True))
    tagged = replace(description, splits={"train": items}, tags=TagOrigin("csv", tmp_path / "tags.csv", "9"))
    tagged.save(tmp_path / "dataset.json")
    assert load_description(tmp_path / "dataset.json") == tagged
    (tmp_path / "dataset.json").write_text(
        (tmp_path / "dataset.json").read_text().replace("[0,1]", "[0,2]").replace(SEAL, "none")
    )
    with pytest.raises(DataError, match="tags go from 0 to 2, but there are 2 classes"):
        load_description(tmp_path / "dataset.json")
