"""Rules of the house that no linter knows: first lines of docstrings, public names, sizes of files and functions."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "seglet"

OPENINGS = ("What", "Which", "Whether", "How", "Where", "Who", "Of", "Those", "Once")
"""Words that a docstring must not open with: it is a sentence that says what the object returns, does or is."""

SHARED_NAMES = {"main", "add_arguments", "run", "Config", "Method"}
"""Public names that may stand in several files: entry points of commands, and the two classes of each method."""

FEWEST_WORDS = 3
MOST_LINES, MOST_FUNCTION_LINES = 400, 60

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> dict[str, str]:
    """Returns the text of every file of the package by its path."""
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(ROOT.rglob("*.py"))}


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields line and text of all docstrings, also of those below constants and fields."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield statement.lineno, value.value.strip()


def bad_openings(files: Mapping[str, str]) -> list[str]:
    """Returns the docstrings that open with a word of `OPENINGS`."""
    pattern = re.compile(rf"({'|'.join(OPENINGS)})\b")
    found = ((path, line, text) for path, source in files.items() for line, text in docstrings(ast.parse(source)))
    return [f"{path}:{line}: {text.splitlines()[0]}" for path, line, text in found if pattern.match(text)]


def short_docstrings(files: Mapping[str, str]) -> list[str]:
    """Returns the docstrings of public modules, classes, functions and methods that have too few words."""
    found = []
    for path, source in files.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, Documented) and is_public(node) and not is_property(node):
                text = ast.get_docstring(node)
                if text is not None and len(text.split()) < FEWEST_WORDS:
                    found.append(f"{path}:{getattr(node, 'lineno', 1)}: {text}")
    return found


def is_public(node: Documented) -> bool:
    return isinstance(node, ast.Module) or not node.name.startswith("_")


def is_property(node: Documented) -> bool:
    names = [ast.unparse(decorator).split(".")[-1] for decorator in getattr(node, "decorator_list", [])]
    return any(name.endswith("property") for name in names)


def public_names(source: str) -> Iterator[str]:
    """Yields the public names that a file defines at its top level; imported ones are not its own."""
    for node in ast.parse(source).body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            targets = [ast.Name(node.name)]
        elif isinstance(node, ast.Assign):
            targets = [part for target in node.targets for part in getattr(target, "elts", [target])]
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        yield from (name.id for name in targets if isinstance(name, ast.Name) and not name.id.startswith("_"))


def repeated_names(files: Mapping[str, str]) -> list[str]:
    """Returns the public names that are defined in two or more files, with the files."""
    homes: dict[str, set[str]] = defaultdict(set)
    for path, source in files.items():
        for name in public_names(source):
            homes[name].add(path)
    return [
        f"{name}: {', '.join(sorted(paths))}"
        for name, paths in sorted(homes.items())
        if len(paths) > 1 and name not in SHARED_NAMES
    ]


def oversized(files: Mapping[str, str]) -> list[str]:
    """Returns the files and functions that have too many lines."""
    found = [f"{path}: {n} lines" for path, source in files.items() if (n := len(source.splitlines())) > MOST_LINES]
    for path, source in files.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MOST_FUNCTION_LINES:
                    found.append(f"{path}:{node.lineno}: {node.name} has {length} lines")
    return found


def test_the_whole_package_is_read() -> None:
    assert {"__init__.py", "cli/main.py", "methods/fotf/method.py", "tensors.py"} <= sources().keys()


def test_docstrings_open_with_a_sentence() -> None:
    assert bad_openings(sources()) == []


def test_docstrings_of_public_objects_are_no_fragments() -> None:
    assert short_docstrings(sources()) == []


def test_no_public_name_stands_in_two_files() -> None:
    assert repeated_names(sources()) == []


def test_files_and_functions_keep_to_their_size() -> None:
    assert oversized(sources()) == []


@pytest.mark.parametrize("opening", OPENINGS)
def test_a_bad_opening_is_found_in_every_kind_of_docstring(opening: str) -> None:
    bad = f'"""{opening} one thinks."""'
    sample = f"{bad}\nX = 1\n{bad}\nclass A:\n    {bad}\n    def f(self):\n        {bad}\n"
    assert [found.split(":")[1] for found in bad_openings({"a.py": sample})] == ["1", "3", "5", "7"]
    assert bad_openings({"a.py": f'"""{opening}ever it is."""'}) == []


def test_a_fragment_is_found_but_not_at_a_property_or_in_private() -> None:
    sample = """
def public(): "Side by side."
def short(): "One pass."
def _private(): "One pass."
class A:
    "Holds things here."
    @property
    def width(self): "In pixels."
    @cached_property
    def height(self): "In pixels."
    def method(self): "Of one."
"""
    assert short_docstrings({"a.py": sample}) == ["a.py:3: One pass.", "a.py:11: Of one."]


def test_a_name_in_two_files_is_found_but_not_an_import_or_a_private_one() -> None:
    one = "from b import f\nX, _Y = 1, 2\nclass Config: ...\nZ: int = 1\n"
    two = "def f(): ...\nX = 2\n_Y = 3\nclass Config: ...\nclass Z: ...\n"
    assert repeated_names({"one.py": one, "two.py": two}) == ["X: one.py, two.py", "Z: one.py, two.py"]


def test_what_is_too_long_is_found() -> None:
    long = "def f():\n" + "    x = 1\n" * MOST_FUNCTION_LINES
    assert oversized({"a.py": long}) == [f"a.py:1: f has {MOST_FUNCTION_LINES + 1} lines"]
    assert oversized({"a.py": "x = 1\n" * (MOST_LINES + 1)}) == [f"a.py: {MOST_LINES + 1} lines"]
    assert oversized({"a.py": "x = 1\n" * MOST_LINES}) == []
