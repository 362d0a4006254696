"""Prompts: published, of one's own, and what is refused."""

import pytest
from tests.data.disk import text

from seglet.data.errors import DataError
from seglet.data.layouts.coco import COCO_NAMES as COCO
from seglet.data.layouts.voc import VOC_NAMES as VOC
from seglet.data.prompts.read import prompts_for, published_prompts, read_prompts
from seglet.types import Classes


def classes(*names):
    return Classes(names, tuple((place, 0, 0) for place, _ in enumerate(names)))


def test_the_published_lists_have_a_phrase_for_each_class_in_order():
    assert tuple(published_prompts("voc").phrases) == VOC[1:]
    assert tuple(published_prompts("coco").phrases) == COCO
    assert (len(published_prompts("voc").background), len(published_prompts("coco").background)) == (25, 23)


def test_the_published_prompts_are_those_of_the_papers():
    voc, coco = published_prompts("voc"), published_prompts("coco")
    assert voc.texts("person") == ("a clean origami person with clothes,people,human.",)
    assert voc.texts("tvmonitor") == ("a clean origami tvmonitor screen.",)
    assert (coco.phrases["snowboard"], coco.phrases["couch"]) == (("sknowboard",), ("sofa",))
    assert set(voc.background) - set(coco.background) == {"keyboard", "sign"}
    assert voc.background_texts()[0] == ("a clean origami ground.",)


def test_every_template_is_filled_with_every_synonym(tmp_path):
    file = text(tmp_path / "p.yaml", "templates: ['a {}', 'the {}']", "classes: {cat: [cat, kitten]}", "background: []")
    prompts = prompts_for(classes("background", "cat"), file)
    assert prompts.texts("cat") == ("a cat", "the cat", "a kitten", "the kitten")
    assert prompts.background_texts() == ()


def test_json_is_read_too(tmp_path):
    file = text(tmp_path / "p.json", '{"classes": {"cat": "kitten"}, "background": ["sofa"]}')
    assert read_prompts(file).phrases == {"cat": ("kitten",)}


def test_classes_are_called_by_their_names_unless_a_file_says_otherwise(tmp_path):
    file = text(tmp_path / "p.yaml", "classes: {Traffic Light: semaphore}")
    prompts = prompts_for(classes("background", "stop_sign", "traffic_light"), file)
    assert dict(prompts.phrases) == {"stop_sign": ("stop sign",), "traffic_light": ("semaphore",)}


def test_a_background_phrase_that_is_a_class_is_left_out():
    prompts = prompts_for(classes("Grass", "cow"))
    assert "grass" not in prompts.background
    assert len(prompts.background) == 24


def test_published_prompts_serve_some_of_their_classes():
    prompts = prompts_for(classes("background", "Cat", "tvmonitor", "zebra"), "voc")
    assert dict(prompts.phrases) == {"Cat": ("cat",), "tvmonitor": ("tvmonitor screen",), "zebra": ("zebra",)}
    assert prompts.drawn == {"tvmonitor": "tv monitor"}


def test_words_for_the_generator_are_written_apart(tmp_path):
    file = text(tmp_path / "p.yaml", "classes: {cat: kitten}", "drawn: {Tv_Monitor: television}")
    prompts = prompts_for(classes("background", "cat", "tv_monitor"), file)
    assert prompts.drawn == {"tv_monitor": "television"}
    assert prompts.texts("tv_monitor") == ("a clean origami tv monitor.",)
    with pytest.raises(DataError, match="prompts for 'Tv_Monitor', which is no class"):
        prompts_for(classes("background", "cat"), file)


def test_prompts_of_other_classes_are_refused_with_the_nearest():
    with pytest.raises(DataError, match="'aeroplane', which is no class; did you mean 'airplane'"):
        prompts_for(classes("background", "airplane"), "voc")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("template: a", "unknown key 'template'; did you mean 'templates'"),
        ("templates: [a {}]", "quote texts that have {}"),
        ("templates: [a cat]", "needs one {}"),
        ("templates: ['{} and {}']", "needs one {}"),
        ("classes: [cat]", "write `name: phrase`"),
        ("drawn: [cat]", "`drawn` is"),
        ("classes: {cat: []}", "class 'cat': expected a text"),
        ("classes: {cat: [no]}", "False is no text; YAML reads"),
        ("classes: {3: cat}", "class 3 is not text"),
        ("classes: {cat: [puss, Puss]}", "'Puss' is listed twice"),
        ("classes: {cat: puss, dog: puss}", "'puss' is of 'cat' and of 'dog'"),
        ("classes: {cat: a, cat: b}", "'cat' is listed twice"),
        ("classes: {cat: a, Cat: b}", "two spellings"),
        ("classes: {cat: puss}\nbackground: [Cat]", "background word 'Cat' is class 'cat' too"),
        ("background: 3", "background: expected a text"),
        ("- cat", "must have some of the keys"),
        ("{", "prompts "),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("[" * 5000, "prompts "),
    ],
)
def test_unusable_prompts_are_refused(tmp_path, content, said):
    with pytest.raises(DataError, match=said.replace("{", r"\{").replace("}", r"\}")):
        read_prompts(text(tmp_path / "p.yaml", content))


def test_an_unknown_list_is_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        prompts_for(classes("cat"), tmp_path / "vox")
    with pytest.raises(DataError, match="did you mean 'voc'"):
        published_prompts("vox")
