"""Options that messages name exist, and belong to the commands that may show the message.

Which functions a command may reach is read from the source: every name that a function uses, in any file, may be
called. Commands that a text names (`seglet data check DIR --val 0.2`) have the options beside them.
"""

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from seglet.cli.main import COMMANDS
from seglet.cli.parsing import RENAMED_OPTIONS, Parser

ROOT = Path(__file__).parents[1] / "src" / "seglet"

Place = tuple[str, str]
"""Module and the name of a function, class or constant at its top level."""

_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")

HOLD_KEYS = ("methods.", "engine.settings", "models.student")
"""Files whose classes hold the keys of experiments."""

OF_OTHERS = {"--shm-size", "--nproc-per-node", "--short", "--porcelain", "--seglet-opacity", "--key", "--version",
             "--revision", "--include", "--data-binary"}  # fmt: skip
"""Options of docker, torchrun, git, hf, curl and seglet itself, a property of CSS, and `--key`, any key."""

RUN_OTHERS = {"table", "cost", "demo"}
"""Commands that train, predict and score with options of their own making, and say which run failed and why."""

OF_THE_CHECK = ("data.checking.", "data.class_files.", "data.layouts.", "data.tags.", "data.label_tools.")
"""Files whose messages are reported by `data check` or `data import`; another command that checks first says whose."""

EXPLAINED = {
    "cli.options.experiment.locate_experiment": "prepare requires an experiment, so only train can lack one",
    "cli.options.actors.add_actor_options": "refine and data check compute on processors, without GPUs",
    "cli.data.split._val_option": "a part of a `seglet train` command",
    "data.loading.loaders._EndlessLoader": "predict, app and export read images one by one",
    "data.loading.shared_memory._workers_with_files": "predict, app and export read images one by one",
    "data.loading.shared_memory._workers_with_memory": "likewise",
    "data.splits.fractions._options": "a part of a `seglet data split` command",
    "engine.output_folder.check_writable": "prepare gives it the name of its own option",
    "engine.run.Run": "only train begins and resumes runs; others read them",
    "inference.batch.SMALLER_VIEWS": "data export, which has no network, gives another cure",
    "inference.depth.find_depth_source": "export compares without depth from files",
    "inference.inputs._LIMIT_OPTION": "data export reads images of data sets, which have the limit of the check",
    "inference.options.InferenceOptions": "export and report predict without windows",
    "inference.options.SegmentOptions": "compare and report take no Monte-Carlo samples",
    "locks._lock": "replay and app read runs, and prepare writes columns, which have no lock",
    "inference.predict.check_inference_options": "export predicts with no options",
    "inference.from_tags.TagPredictor": "of the commands that open a method, only predict may not know the tags",
}
"""Functions that more commands seem to reach than can raise their error, and the reason."""


@dataclass
class Definition:
    """A function, class or constant: the names that it uses, and the texts in it that are no docstrings."""

    names: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    """Fields of the classes in it."""


@cache
def package() -> tuple[dict[Place, Definition], dict[Place, Place]]:
    """Returns every definition at the top level of a file, and what imported names stand for."""
    defined: dict[Place, Definition] = {}
    imported: dict[Place, Place] = {}
    for path in ROOT.rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            found = definition(node, module, imported)
            for name in names_of(node):
                defined[module, name] = found
    return defined, imported


def names_of(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    yield from (target.id for target in targets if isinstance(target, ast.Name))


def definition(top: ast.stmt, module: str, imported: dict[Place, Place]) -> Definition:
    """Returns what a statement uses and says; notes what it imports."""
    found, docstrings = Definition(), set()
    for node in ast.walk(top):
        if isinstance(node, ast.Expr):
            docstrings.add(id(node.value))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seglet."):
            for alias in node.names:
                imported[module, alias.asname or alias.name] = (str(node.module).removeprefix("seglet."), alias.name)
        elif isinstance(node, ast.Name):
            found.names.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            found.texts.append(node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.keys.add(node.target.id)
    return found


def resolved(place: Place) -> Place | None:
    """Returns where a name that is used in a file is defined, None for one of another package."""
    defined, imported = package()
    while place not in defined:
        if place not in imported:
            return None
        place = imported[place]
    return place


def reached(command: str) -> set[Place]:
    """Returns every definition that a command may use."""
    defined, _ = package()
    module = f"cli.{COMMANDS[command].module}"
    seen: set[Place] = set()
    todo: list[Place | None] = [(module, "run"), (module, "add_arguments")]
    while todo:
        place = todo.pop()
        if place is not None and place not in seen:
            seen.add(place)
            todo += [resolved((place[0], name)) for name in defined[place].names]
    return seen


@cache
def options() -> dict[str, set[str]]:
    """Returns the options of every command, with the experiment's keys where it takes them."""
    defined, _ = package()
    keys = {f"--{key}" for (module, _), it in defined.items() if module.startswith(HOLD_KEYS) for key in it.keys}
    found = {}
    for name, command in COMMANDS.items():
        parser = Parser(name)
        importlib.import_module(f"seglet.cli.{command.module}").add_arguments(parser)
        own = {text for action in parser._actions for text in action.option_strings}
        found[name] = own | (keys if command.takes_keys else set())
    found["compare"] |= found["evaluate"]  # behind the name of a model
    return found


@cache
def named_options() -> dict[Place, set[str]]:
    """Returns the options that each definition names, and no command beside them has."""
    found: dict[Place, set[str]] = {}
    for place, it in package()[0].items():
        text = " ".join(it.texts)
        if "--" not in text:
            continue
        beside = {name for name in COMMANDS if re.search(rf"seglet {name}\b", text)}
        known = set().union(*(options()[name] for name in beside)) | {*RENAMED_OPTIONS, *RENAMED_OPTIONS.values()}
        if left := set(_OPTION.findall(text)) - known - OF_OTHERS:
            found[place] = left
    return found


def test_every_option_that_a_text_names_is_one_of_some_command() -> None:
    every = set().union(*options().values())
    assert {place: names - every for place, names in named_options().items() if names - every} == {}


def test_a_command_has_the_options_that_its_messages_name() -> None:
    lacking = defaultdict(set)
    for command in COMMANDS.keys() - RUN_OTHERS:
        within = reached(command)
        for place, names in named_options().items():
            where = ".".join(place)
            if place in within and not where.startswith(OF_THE_CHECK) and where not in EXPLAINED:
                lacking[where] |= {f"{command} {name}" for name in names - options()[command]}
    assert {where: sorted(names) for where, names in lacking.items() if names} == {}


def test_an_explained_function_still_names_an_option() -> None:
    assert {".".join(place) for place in named_options()} >= EXPLAINED.keys()
