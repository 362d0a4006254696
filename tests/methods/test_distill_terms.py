import re
from dataclasses import fields
from pathlib import Path

import pytest
from tests.methods.toys import SMALL

from seglet.methods.distill import Config
from seglet.methods.distill.term_spec import parse_terms
from seglet.methods.distill.terms import TERMS
from seglet.methods.distill.terms.base import TermOptions
from seglet.values import build_config, option_help


def test_a_term_is_a_name_and_options() -> None:
    (spec,) = parse_terms(["cwd weight=3 tap=logits teacher_tap=stage4 temperature=1e0"])
    assert spec.name == "cwd"
    assert spec.places == ("logits", "stage4")
    assert (spec.options.weight, spec.options.temperature) == (3.0, 1.0)  # type: ignore[attr-defined]


def test_a_term_without_options_has_the_authors_weight_and_tap() -> None:
    assert [(spec.options.weight, spec.places[0]) for spec in parse_terms(["kl", "ifvd", "afdcd"])] == [
        (1.0, "logits"),
        (20.0, "feature"),
        (1.0, "stage4"),
    ]


def test_terms_of_one_kind_are_named_by_their_taps() -> None:
    assert [spec.name for spec in parse_terms(["kl", "cwd", "cwd tap=backbone.layer3"])] == [
        "kl",
        "cwd-feature",
        "cwd-backbone_layer3",
    ]


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ([], "expected at least one of kl, mse"),
        (["kll"], "no term 'kll'; did you mean 'kl'"),
        (["cwd wieght=3"], r"'wieght' \(did you mean 'weight'\?\)"),
        (["cwd weight=x"], "weight: expected a number, got 'x'"),
        (["cwd weight=-1"], "weight: expected 0 or more"),
        (["cwd 3"], "expected `cwd option=value …`, got '3'"),
        (["cwd weight=3 weight=4"], "given twice"),
        (["kl", "kl"], "more than once; give one of them another tap"),
        (["kl temperature=0"], "temperature: expected above 0"),
        (["kl reduction=skd temperature=2"], "SKD's reduction has none"),
        (["kl reduction=mean"], "expected one of cirkd, ifvd, skd"),
        (["cirkd-minibatch temperature=1e-9"], "temperature: expected at least"),
        (["cirkd-minibatch group=-2"], "group: expected 0 or more images"),
        (["cirkd-memory pixel_slots=0"], "pixel_slots: expected above 0"),
        (["skd window=0"], "window: expected at least 1"),
    ],
)
def test_a_wrong_term_is_refused_with_a_hint(terms: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**SMALL, terms=tuple(terms))


def test_weights_need_a_term_to_weight() -> None:
    with pytest.raises(ValueError, match="weigh_kd: expected a term `kl` on the logits"):
        Config(**SMALL, terms=("cwd",), weigh_kd=True)
    Config(**SMALL, terms=("cwd",), weigh_task=True)


@pytest.mark.parametrize("name", TERMS)
def test_every_option_of_a_term_has_a_default_and_a_help_text(name: str) -> None:
    kind = TERMS[name].options
    kind()
    assert all(option_help(field) for field in fields(kind))


def rows_of_the_page() -> dict[str, str]:
    page = (Path(__file__).parents[2] / "docs" / "methods" / "distill.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| [^|]+ \| ([^|]*) \| [^|]+ \|$", page, re.M)
    return {name: options for name, options in rows if name in TERMS}


def test_the_page_lists_every_term() -> None:
    assert list(rows_of_the_page()) == list(TERMS)


@pytest.mark.parametrize("name", TERMS)
def test_the_page_lists_every_option_of_a_term_with_its_default(name: str) -> None:
    listed = dict(pair.split("=") for pair in re.findall(r"`([^`]+)`", rows_of_the_page()[name]))
    own = {field.name for field in fields(TERMS[name].options)} - {field.name for field in fields(TermOptions)}
    assert own <= listed.keys() <= own | {"weight"}
    assert build_config(TERMS[name].options, listed) == TERMS[name].options()
