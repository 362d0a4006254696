"""Commands, links, headings and code in the documentation."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCED = re.compile(r"```.*?```", re.DOTALL)
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


@dataclass(frozen=True)
class Line:
    """A command in a page; `words` are without the comment and without a launcher such as torchrun."""

    place: str
    words: tuple[str, ...]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text(file: str) -> str:
    """Returns the content of a file of the project, by its path from the root."""
    return (ROOT / file).read_text(encoding="utf-8")


def commands(page: Path) -> Iterator[Line]:
    """Yields the lines of the page's shell blocks, and complete commands between backticks."""
    content = text(name(page))
    for block in blocks(content, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(re.sub(r"(^|\s)#.*", "", line)):  # but FILE#ROW is one word
                yield Line(f"{name(page)}: {line}", _bare(words))
    for found in re.findall(r"`((?:seglet|make|python -m benchmarks) [^`…\n]+)`", FENCED.sub("", content)):
        yield Line(f"{name(page)}: {found}", _bare(shlex.split(found)))


def blocks(content: str, language: str) -> list[str]:
    """Returns the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", content, flags=re.S | re.M)


def _bare(words: list[str]) -> tuple[str, ...]:
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if words[0] == "torchrun":
        return ("seglet", *words[words.index("seglet") + 1 :])
    return (words[0].removeprefix(".venv/bin/"), *words[1:])


def prose(page: Path) -> str:
    """Returns the page without code, neither fenced nor between backticks."""
    return re.sub(r"`[^`]*`", "", FENCED.sub("", text(name(page))))


def links(page: Path) -> list[str]:
    """Returns the targets of the page's links to other files here, or to its own headings."""
    return [target for target in re.findall(r"\]\(([^)\s]+)[^)]*\)", prose(page)) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """Returns the anchors of the page's headings, as Markdown's table of contents makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", text(name(page))), re.M)
    words = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings)
    return {re.sub(r"[-\s]+", "-", each) for each in words}


def quoted(page: Path) -> list[str]:
    """Returns the code between backticks outside of fenced blocks."""
    return re.findall(r"`([^`\n]+)`", FENCED.sub("", text(name(page))))
