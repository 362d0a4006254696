"""Commands, links, names and words in the documentation."""

import ast
import dataclasses
import importlib
import importlib.util
import inspect
import re
import tomllib
from pathlib import Path

import pytest
from tests.documents import PAGES, ROOT, Line, anchors, blocks, commands, links, name, prose, quoted, text
from tests.methods.test_protocols import PROTOCOLS
from tools.docs_menu import with_folders_listed

import seglet
from seglet import methods
from seglet.cli.main import COMMANDS, find_command
from seglet.cli.options.experiment import parse_keys
from seglet.cli.parsing import RENAMED_OPTIONS, Parser
from seglet.engine.experiment_file import RENAMED_KEYS, experiments_in
from seglet.engine.settings import Settings

LINES = [line for page in PAGES for line in commands(page)]
SEGLET = [line for line in LINES if line.words[0] == "seglet"]
EXPERIMENTS = {source for file in (ROOT / "configs").rglob("*.yaml") for source in experiments_in(file)}
TARGETS = set(re.findall(r"^([a-z]+):", text("Makefile"), re.M))


def keys_of_experiments() -> set[str]:
    configs = [methods.load_method(method).Config for method in methods.method_names()]
    return {field.name for kind in (Settings, *configs) for field in dataclasses.fields(kind)}


@pytest.mark.parametrize("line", SEGLET, ids=lambda line: line.place)
def test_a_documented_command_exists_and_takes_its_options(line: Line) -> None:
    if line.words[1] in ("--help", "COMMAND"):
        return
    command, rest = find_command(line.words[1:])
    parser = Parser(command)
    module = importlib.import_module(f"seglet.cli.{COMMANDS[command].module}")
    module.add_arguments(parser)
    if "--help" in rest or (rest == [] and line.place.endswith(f": seglet {command}")):
        return  # the command's name alone, in the text
    if COMMANDS[command].takes_keys or (COMMANDS[command].takes_method_keys and "--method" in rest):
        _, foreign = parser.read_known(rest)
        assert parse_keys(foreign).keys() <= keys_of_experiments()
    else:
        parser.read(rest)


@pytest.mark.parametrize("line", SEGLET, ids=lambda line: line.place)
def test_a_documented_experiment_file_is_there(line: Line) -> None:
    known = EXPERIMENTS | ({each.partition("#")[0] for each in EXPERIMENTS} if line.words[1] == "table" else set())
    assert [word for word in line.words if word.startswith("configs/") and str(ROOT / word) not in known] == []


@pytest.mark.parametrize("line", [line for line in LINES if line.words[0] == "make"], ids=lambda line: line.place)
def test_a_documented_make_target_exists(line: Line) -> None:
    assert {word for word in line.words[1:] if "=" not in word and word.islower()} <= TARGETS


@pytest.mark.parametrize("line", [line for line in LINES if "benchmarks" in line.words], ids=lambda line: line.place)
def test_a_documented_benchmark_exists(line: Line) -> None:
    module = line.words[3].replace("-", "_")
    assert module in {"list", "NAME"} or (ROOT / "benchmarks" / f"{module}.py").is_file()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_link_leads_to_a_file(page: Path) -> None:
    assert [target for target in links(page) if not (page.parent / target.partition("#")[0]).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_link_leads_to_a_heading(page: Path) -> None:
    for target in links(page):
        file, _, anchor = target.partition("#")
        assert not anchor or anchor in anchors(page.parent / file if file else page), target


def test_every_page_is_in_the_menu_once() -> None:
    docs = ROOT / "docs"
    nav = str(tomllib.loads(with_folders_listed(text("zensical.toml"), docs))["project"]["nav"])
    listed = [docs / page for page in re.findall(r"[\w/-]+\.md", nav)]
    assert sorted(listed) == sorted(page for page in PAGES if page.is_relative_to(docs))


def test_a_new_page_of_a_method_is_in_the_menu(tmp_path: Path) -> None:
    (tmp_path / "methods").mkdir()
    for method in ("mine", "fotf"):
        (tmp_path / "methods" / f"{method}.md").touch()
    assert with_folders_listed('["methods/*.md", "x.md"]', tmp_path) == '["methods/fotf.md", "methods/mine.md", "x.md"]'


def test_a_test_named_as_proof_exists() -> None:
    for file, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text("docs/reliability.md")):
        assert re.search(rf"^def {test or 'test_'}", text(file), re.M), f"{file}::{test}"


def test_the_documented_method_is_the_example() -> None:
    parts = re.findall(r"^`(examples/[\w./]+)`:\n\n```\w+\n(.*?)^```", text("docs/add-a-method.md"), re.M | re.S)
    files = {file for file in (ROOT / "examples/own_method").rglob("*.*") if file.suffix in (".py", ".toml")}
    assert {ROOT / file for file, _ in parts} == files
    assert [file for file, code in parts if code != text(file)] == []


def test_the_documented_protocols_are_those_there_are() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)`(?:, `(\w+)`)? \|", text("docs/add-a-method.md"), re.M)
    assert sorted(name for name, *_ in rows) == sorted(kind.__name__ for kind in PROTOCOLS)
    known = {kind.__name__: {*vars(kind), *kind.__annotations__} for kind in PROTOCOLS}
    assert [row for row in rows if not set(filter(None, row[1:])) <= known[row[0]]] == []


FORMER_FILES = {"configs/distill/voc/pspnet-cwd.yaml"}
"""Files that a page names because they are gone."""

RULED_OUT = re.findall(
    r"^\| ([a-z, ]+) \| [^|]+ \|$", text("docs/glossary.md").rpartition("## Words that are")[2], re.M
)[1:]
"""Words that the glossary rules out, in each of its rows separated by commas."""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_named_file_exists(page: Path) -> None:
    named = {file for file in quoted(page) if re.fullmatch(r"[\w./-]+/[\w.-]+\.(py|sh|yaml)(#[\w.-]+)?", file)}
    roots = (ROOT, ROOT / "src/seglet")
    missing = {file for file in named if not any((root / file.partition("#")[0]).is_file() for root in roots)}
    assert missing - FORMER_FILES == set()
    assert {file for file in named if "#" in file and str(ROOT / file) not in EXPERIMENTS} == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_named_module_or_function_exists(page: Path) -> None:
    named = [found[0] for code in quoted(page) if (found := re.match(r"seglet(\.[A-Za-z_]\w*)+", code))]
    assert [each for each in named if not is_importable(each)] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_an_import_in_an_example_works(page: Path) -> None:
    for block in blocks(text(name(page)), "python"):
        for module, members in re.findall(r"^from (seglet[\w.]*) import ([\w, ]+)$", block, re.M):
            if "mine" not in module:
                assert [each for each in members.split(", ") if not is_importable(f"{module}.{each}")] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_call_of_seglet_in_an_example_is_possible(page: Path) -> None:
    for block in blocks(text(name(page)), "python"):
        for call in (node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)):
            function = ast.unparse(call.func)
            if re.fullmatch(r"seglet\.\w+", function):
                signature = inspect.signature(getattr(seglet, function.removeprefix("seglet.")))
                given = {word.arg: word.value for word in call.keywords if word.arg}
                assert signature.bind(*call.args, **given).signature == signature  # bind raises where it does not fit


def test_the_changelog_names_every_renamed_option_and_key() -> None:
    renamed = {**RENAMED_OPTIONS, **RENAMED_KEYS}
    unreleased = re.split(r"^## ", text("CHANGELOG.md"), flags=re.M)[1]
    assert [
        old for old, new in renamed.items() if not {f"`{old}`", f"`{new}`"} <= set(re.findall("`[^`]+`", unreleased))
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_pages_use_the_words_of_the_glossary(page: Path) -> None:
    words = "|".join(RULED_OUT).replace(", ", "|")
    content = prose(page).partition("## Words that are")[0]
    assert re.findall(rf"\b(?:{words})\b", content, re.I) == []


def test_the_layers_on_the_page_are_those_of_the_contract() -> None:
    contracts = tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    shown, *_ = blocks(text("docs/architecture.md"), "text")
    assert " ".join(shown.split()) == " → ".join(layers)


def test_every_room_is_on_the_page_of_the_architecture() -> None:
    rooms = {init.parent for init in (ROOT / "src/seglet").glob("*/*/__init__.py")}
    assert {room.name for room in rooms if not room.name.startswith("_")} - set(
        quoted(ROOT / "docs/architecture.md")
    ) == set()


def is_importable(name: str) -> bool:
    """Returns True for a module, and for a name or an attribute in one."""
    found, rest = name, []
    while not is_module(found):
        found, _, member = found.rpartition(".")
        rest.insert(0, member)
    here = importlib.import_module(found)
    for member in rest:
        here = getattr(here, member, None)
    return here is not None


def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
