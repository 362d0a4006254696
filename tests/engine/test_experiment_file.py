"""Experiment files: flat ones, and tables of which a row is named behind a `#`."""

from pathlib import Path

import pytest
import yaml

from seglet.engine.columns import prepare_command
from seglet.engine.experiment import resolve_experiment
from seglet.engine.experiment_file import (
    RENAMED_KEYS,
    RENAMED_VALUES,
    experiments_in,
    names_experiment_file,
    read_experiment_file,
    split_row,
)
from seglet.values import ConfigError

ROOT = Path(__file__).parents[2]
TABLE = """\
method: fotf
steps: 7
rows:
  small-kd: {kappa: 3, steps: 9}
  small: {}
"""


@pytest.fixture
def table(tmp_path):
    (tmp_path / "voc.yaml").write_text(TABLE)
    return tmp_path / "voc.yaml"


def test_a_row_lies_over_the_shared_keys_and_under_the_command_line(table):
    experiment = resolve_experiment(f"{table}#small-kd", {"kappa": 9, "batch": 2})
    assert (experiment.config.kappa, experiment.settings.steps, experiment.settings.batch) == (9.0, 9, 2)
    assert resolve_experiment(f"{table}#small", {}).settings.steps == 7


def test_every_value_has_its_origin(table):
    origin = resolve_experiment(f"{table}#small-kd", {"batch": 2}).origin
    assert [origin[key] for key in ("method", "kappa", "batch", "seed")] == [
        str(table), f"{table}#small-kd", "command line", "default"]  # fmt: skip
    assert origin["steps"] == f"{table}#small-kd"


def test_a_path_names_a_row_as_text_does(table):
    assert resolve_experiment(Path(f"{table}#small"), {}).values() == resolve_experiment(f"{table}#small", {}).values()


def test_the_command_of_a_row_without_keys_names_it(table):
    assert prepare_command(resolve_experiment(f"{table}#small", {})) == f"seglet prepare '{table}#small'"


def test_a_file_lists_its_experiments(table, tmp_path):
    (tmp_path / "one.yaml").write_text("method: fotf\n")
    assert experiments_in(table) == [f"{table}#small-kd", f"{table}#small"]
    assert experiments_in(tmp_path / "one.yaml") == [str(tmp_path / "one.yaml")]


def test_a_file_whose_name_has_a_hash_is_taken_whole(tmp_path):
    file = tmp_path / "a.yaml#b"
    assert split_row(file) == (tmp_path / "a.yaml", "b")
    file.write_text("method: fotf\n")
    assert split_row(file) == (file, None)


@pytest.mark.parametrize(
    ("text", "named"),
    [("a.yaml", True), ("a.yml#b", True), ("fotf", False), ("runs/a", False), ("a#b", False)],
)
def test_an_experiment_file_differs_from_a_method(text, named):
    assert names_experiment_file(text) is named


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("", r"is a table of 2 experiments; name one, such as .*voc\.yaml#small-kd, of small-kd, small$"),
        ("#smal-kd", r"has no row 'smal-kd'; did you mean 'small-kd'\? choose from small-kd, small$"),
        ("#", r"has no row ''; choose from small-kd, small$"),
    ],
)
def test_a_wrong_row_is_answered_with_those_there_are(table, row, message):
    with pytest.raises(ConfigError, match=message):
        resolve_experiment(f"{table}{row}", {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method: fotf\n", "has no rows: it is one experiment; leave out #a"),
        ("method: fotf\nrows: {}\n", "expected under `rows:` lines"),
        ("method: fotf\nrows: [a]\n", "expected under `rows:` lines"),
        ("method: fotf\nrows: {a: }\n", "row 'a' must be a mapping of keys"),
        ("method: fotf\nrows: {a b: {}}\n", "row 'a b' must be named by letters"),
        ("method: fotf\nrows: {a: {rows: {b: {}}}}\n", "one level of rows"),
        ("method: fotf\nrows: {a: {steps: 1}, a: {}}\n", "gives a more than once"),
        ("method: fotf\nrows: {a: {steps: 1, steps: 2}}\n", "gives steps more than once"),
        ("method: fotf\nrows: {a: {kapa: 1}}\n", r"'kapa' \(did you mean 'kappa'\?\)"),
    ],
)
def test_a_wrong_table_is_refused_with_its_cure(tmp_path, text, message):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        resolve_experiment(tmp_path / "a.yaml#a", {})


def test_a_list_may_be_named_once_and_used_again(tmp_path):
    (tmp_path / "a.yaml").write_text("method: distill\nrows:\n  a: {terms: &two [kl, dist]}\n  b: {terms: *two}\n")
    assert resolve_experiment(tmp_path / "a.yaml#b", {}).config.terms == ("kl", "dist")


def test_a_file_that_holds_itself_ends(tmp_path):
    (tmp_path / "a.yaml").write_text("&me\nmethod: fotf\nrows: *me\n")
    with pytest.raises(ConfigError, match="aliases within anchored values"):
        resolve_experiment(tmp_path / "a.yaml#rows", {})


@pytest.mark.parametrize(
    ("missing", "meant"),
    [
        ("voc/small-kd.yaml", "voc.yaml#small-kd"),
        ("voc-small-kd.yaml", "voc.yaml#small-kd"),
        ("small.yaml", "voc.yaml#small"),
        ("vocc.yaml", "voc.yaml#small"),
        ("worlds.yaml", "world.yaml"),
    ],
)
def test_a_path_of_before_is_answered_with_the_row_of_today(table, tmp_path, missing, meant):
    (tmp_path / "world.yaml").write_text(yaml.safe_dump({"method": "fotf"}))
    (tmp_path / "broken.yaml").write_text("- [")
    with pytest.raises(ConfigError, match="there is no such file; did you mean") as refused:
        read_experiment_file(tmp_path / missing)
    assert f"did you mean {str(tmp_path / meant)!r}?" in str(refused.value)


def test_an_old_key_is_read_in_a_row_with_a_warning(tmp_path, capsys):
    (tmp_path / "a.yaml").write_text("method: diclip\nrows: {a: {cache_pictures: 7}}\n")
    assert resolve_experiment(tmp_path / "a.yaml#a", {}).config.cache_images == 7
    assert "a.yaml#a is now cache_images" in capsys.readouterr().err


def test_an_old_choice_is_read_with_a_warning(tmp_path, capsys):
    (tmp_path / "a.yaml").write_text("method: dgkd\nmasks_at: pictures\n")
    assert resolve_experiment(tmp_path / "a.yaml", {}).config.masks_at == "images"
    assert "masks_at: pictures in" in capsys.readouterr().err
    assert resolve_experiment(None, {"method": "dgkd", "masks_at": "pictures"}).config.masks_at == "images"
    assert "in the command line is now images" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["supervised", "fotf", "diclip", "dgkd", "viladiff"])
def test_an_experiment_kept_by_0_1_0_resolves_to_the_same_values(method):
    file = ROOT / "tests/fixtures/0.1.0" / method / "experiment.yaml"
    before = {RENAMED_KEYS.get(key, key): value for key, value in yaml.safe_load(file.read_text()).items()}
    for key, choices in RENAMED_VALUES.items():
        if key in before:
            before[key] = choices.get(before[key], before[key])
    assert resolve_experiment(file, {}).values().items() >= before.items()


def test_the_documentation_lists_what_was_renamed():
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    keys = [f"| `{old}` | `{new}` |" for old, new in RENAMED_KEYS.items()]
    choices = [
        f"| `{key}: {old}` | `{key}: {new}` |" for key, pairs in RENAMED_VALUES.items() for old, new in pairs.items()
    ]
    assert [row for row in (*keys, *choices) if row not in page] == []
