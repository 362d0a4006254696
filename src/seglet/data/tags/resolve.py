"""Resolves tags to classes: by exact name, by another spelling of it, or by id."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seglet.data.class_table import ClassTable, classes_of, numbered_table, train_ids
from seglet.data.errors import DataError, Problem
from seglet.data.spelling import fold_spelling, similar_names
from seglet.data.tags.sheet_columns import BITS, is_number
from seglet.data.tags.taglist import TagList, TagNames
from seglet.types import IGNORE
from seglet.values import choose_from

_BACKGROUND = "background"


@dataclass(frozen=True)
class ResolvedTags:
    """Train id of each tag as written, None for background and void; tags of no class are left out."""

    labels: Mapping[str, int | None]
    problems: tuple[Problem, ...]


def resolve_tags(tags: Mapping[Path, TagNames], source: Path, entries: ClassTable) -> ResolvedTags:
    """Resolves every tag by the class table, and reports tags that are no class or have several spellings.

    Background, which every image has, and void classes resolve to None.
    """
    counts = Counter(tag for of_image in tags.values() for tag in of_image)
    labels: dict[str, int | None] = {}
    problems = []
    exact, loose = _dictionaries(entries)
    for tag, count in sorted(counts.items()):
        matches = {exact[tag]} if tag in exact else loose.get(fold_spelling(tag), set())
        if len(matches) == 1:
            (labels[tag],) = matches
        else:
            problems.append(_no_class(tag, count, source, entries, bool(matches)))
    excluded = {tag: counts[tag] for tag, label in labels.items() if label is None}
    if excluded:
        what = f"tags {_counted(excluded)} have no effect: every image has background, and void is no class"
        problems.append(Problem(str(source), what, "leave them out; they are passed over", "warning"))
    return ResolvedTags(labels, (*problems, *_spellings(labels, counts, source, entries)))


def _dictionaries(entries: ClassTable) -> tuple[dict[str, int | None], dict[str, set[int | None]]]:
    """Returns the labels of exact names and ids, and the possible labels of names without case and separators."""
    classes = classes_of(entries)
    excluded = (IGNORE, classes.background)
    labels = {number: None if label in excluded else label for number, label in train_ids(entries).items()}
    exact = {str(number): label for number, label in labels.items()}
    loose: dict[str, set[int | None]] = defaultdict(set, {_BACKGROUND: {None}})
    for entry in entries:
        exact[entry.name] = labels[entry.id]
        loose[fold_spelling(entry.name)].add(labels[entry.id])
    return exact, dict(loose)


def _no_class(tag: str, count: int, source: Path, entries: ClassTable, unclear: bool) -> Problem:
    names = [entry.name for entry in entries if not entry.void]
    words = tag.split()
    if unclear:
        what, cure = "could be several classes", "write it as the class table does"
    elif len(words) > 1 and set(words) <= set(names):
        what, cure = "is no class, but its words are", "separate the tags of an image with ; instead of blanks"
    else:
        what, cure = "is no class", choose_from(tag, names)
    return Problem(str(source), f"tag {tag!r} of {_images(count)} {what}", cure)


def _spellings(
    labels: Mapping[str, int | None], counts: Counter[str], source: Path, entries: ClassTable
) -> list[Problem]:
    """Returns a warning for each class that tags spell differently from the table."""
    names = classes_of(entries).names
    ways: dict[int, dict[str, int]] = defaultdict(dict)
    for tag, label in labels.items():
        if label is not None and (tag == names[label] or not tag.isdecimal()):
            ways[label][tag] = counts[tag]
    return [
        Problem(
            str(source),
            f"class {names[label]!r} is written {_counted(tags)}",
            "taken for one; write it one way",
            "warning",
        )
        for label, tags in sorted(ways.items())
        if set(tags) != {names[label]}
    ]


def _counted(tags: Mapping[str, int]) -> str:
    return " and ".join(f"{tag!r} ({_images(count)})" for tag, count in sorted(tags.items()))


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def table_from_tags(listed: TagList) -> ClassTable:
    """Returns a table of background and, in alphabetical order, one class per tag in its most frequent spelling.

    Raises:
        DataError: tags are numbers, or all are words such as yes, which name no class.
    """
    counts = Counter(tag for of_image in listed.tags.values() for tag in of_image)
    if number := next((tag for tag in sorted(counts) if is_number(tag)), None):
        cure = "add a classes.txt with a line `id name` for each class, or name the column of tags `tags`"
        raise DataError(f"{str(listed.source)!r}: tag {number!r} is a number, and nothing names the classes; {cure}")
    if counts and all(tag.lower() in BITS for tag in counts):
        cure = "write the names of the classes as headings, or as tags"
        raise DataError(f"{str(listed.source)!r}: tags such as {min(counts)!r} name no class; {cure}")
    ways: dict[str, list[str]] = defaultdict(list)
    for tag in sorted(counts, key=lambda tag: (-counts[tag], tag)):
        ways[fold_spelling(tag)].append(tag)
    names = sorted((tags[0] for key, tags in ways.items() if key != _BACKGROUND), key=str.casefold)
    return numbered_table((_BACKGROUND, *names))


def doubtful_classes(entries: ClassTable, listed: TagList, masked: bool) -> Iterable[Problem]:
    """Yields warnings for tags with similar spellings, and for a missing background unless all images are `masked`."""
    classes = classes_of(entries)
    tags = {tag for of_image in listed.tags.values() for tag in of_image}
    for one, other in similar_names(tags & set(classes.names)):
        what = f"tags {one!r} and {other!r} may be two spellings of one class"
        yield Problem(str(listed.source), what, "if so, keep one of them", "warning")
    if classes.background is None and not masked:
        what = "no class is called background, so every pixel must be of some class"
        cure = "if that is not intended, add a line `0 background` and number the others from 1"
        yield Problem("classes", what, cure, "warning")
