"""From names as written to images and classes."""

from pathlib import Path

import pytest

from seglet.data.class_table import ClassEntry, numbered_table
from seglet.data.description import ImageItem
from seglet.data.spelling import similar_names
from seglet.data.tags.match import match_images
from seglet.data.tags.resolve import resolve_tags, table_from_tags
from seglet.data.tags.taglist import TagList

ENTRIES = (*numbered_table(("background", "dining table", "tv")), ClassEntry(255, "void", (0, 0, 0), void=True))
SOURCE = Path("tags.csv")
ROOT = Path("/data")
ITEMS = tuple(ImageItem(name, ROOT / "images" / f"{name}.jpg") for name in ("train/a", "train/b.1", "val/a"))


def means(*tags, entries=ENTRIES):
    return resolve_tags({Path(str(place)): (tag,) for place, tag in enumerate(tags)}, SOURCE, entries)


def lists(**tags):
    return TagList(SOURCE, "csv", {name: tuple(of) for name, of in tags.items()})


def test_a_class_is_found_by_its_name_or_id():
    assert means("tv", "1").labels == {"tv": 2, "1": 1}
    assert means("tv", "1").problems == ()


def test_other_spellings_are_taken_for_the_class_and_reported():
    found = means("Dining_Table", "dining table", "diningtable")
    assert set(found.labels.values()) == {1}
    (problem,) = found.problems
    assert "'Dining_Table' (1 image) and 'dining table' (1 image) and 'diningtable'" in problem.what
    assert problem.severity == "warning"


def test_background_and_void_have_no_effect_as_tags():
    found = means("background", "Background", "void", "0")
    assert set(found.labels.values()) == {None}
    assert "have no effect" in found.problems[0].what


def test_a_tag_of_no_class_is_answered_with_the_nearest():
    (problem,) = means("dining tabel", "dining tabel").problems
    assert "'dining tabel' of 2 images is no class" in problem.what
    assert "did you mean 'dining table'?" in problem.cure
    assert problem.severity == "error"


def test_tags_separated_by_blanks_are_recognised():
    (problem,) = means("cat tv", entries=numbered_table(("cat", "tv"))).problems
    assert "separate the tags of an image with ;" in problem.cure


def test_a_spelling_of_two_classes_is_refused_unless_exact():
    entries = numbered_table(("t v", "t-v"))
    assert means("t v", entries=entries).labels == {"t v": 0}
    assert "could be several classes" in means("tv", entries=entries).problems[0].what


@pytest.mark.parametrize(
    "name", ["train/a", "train/a.JPG", "images/train/a.jpg", "./train/a.jpg", "train\\a.png", "/home/me/train/a.jpg",
             "C:\\photos\\train\\a.jpg"],
)  # fmt: skip
def test_an_image_may_be_named_in_several_ways(name):
    found = match_images(lists(**{name: ["tv"]}), ITEMS, ROOT)
    assert (list(found.tags), found.problems) == ([ITEMS[0].image], ())


def test_a_dot_in_a_name_is_no_suffix():
    assert list(match_images(lists(**{"b.1": []}), ITEMS, ROOT).tags) == [ITEMS[1].image]


def test_a_name_of_two_images_is_refused():
    (problem,) = match_images(lists(a=[]), ITEMS, ROOT).problems
    assert problem.what == "'a' could be 'images/train/a' or 'images/val/a'"


def test_an_image_named_twice_is_refused():
    (problem,) = match_images(lists(**{"b.1": ["tv"], "train/b.1": []}), ITEMS, ROOT).problems
    assert "are the same image" in problem.what


def test_names_of_no_image_are_counted_and_the_nearest_proposed():
    (problem,) = match_images(lists(**{"train/a": [], "tran/b.1": [], "x": []}), ITEMS, ROOT).problems
    assert "2 of 3 names match no image: 'tran/b.1', 'x'" in problem.what
    assert ("did you mean 'train/b.1'?" in problem.cure, problem.severity) == (True, "warning")


def test_names_that_all_miss_are_an_error():
    assert match_images(lists(x=[]), ITEMS, ROOT).problems[0].severity == "error"


def test_classes_without_a_table_are_background_and_the_tags():
    entries = table_from_tags(lists(a=["tv", "Cat"], b=["cat", "background"], c=["cat"]))
    assert [entry.name for entry in entries] == ["background", "cat", "tv"]


def test_names_that_nearly_agree_are_similar():
    assert similar_names(["motorbike", "motorbik", "car", "cat", "bus", "Bus"]) == [("motorbik", "motorbike")]
