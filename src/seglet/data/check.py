"""Looks a data set over before any training time is spent: every file, every value, all problems at once."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from seglet.data.description import Description, Item
from seglet.data.errors import DataError, Problem
from seglet.data.facts import Facts
from seglet.data.files import keep_for
from seglet.data.judge import judge_image, judge_mask, leaks
from seglet.data.layouts import infer
from seglet.data.rules import STRICT, Rules, decide
from seglet.data.scan import ProgressCallback, Request, scan
from seglet.data.statistics import SplitStatistics, absent_classes, count
from seglet.data.table import classes_of, read_table

MEMORY = "scan.json"


@dataclass(frozen=True)
class Report:
    """What a check found. `description` leaves out every pair that has an error."""

    description: Description
    problems: tuple[Problem, ...]
    statistics: Mapping[str, SplitStatistics]
    undecided: bool = False
    """An error is about all masks at once, so leaving out files does not mend it."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def ok(self) -> bool:
        """True if nothing would break training; warnings may remain."""
        return not self.errors

    def as_dict(self) -> dict[str, Any]:
        """Everything but the lists of files, ready for JSON."""
        return {
            "root": str(self.description.root),
            "layout": self.description.layout,
            "coding": self.description.coding,
            "classes": [asdict(entry) for entry in self.description.entries],
            "splits": {name: asdict(statistics) for name, statistics in self.statistics.items()},
            "problems": [asdict(problem) for problem in self.problems],
            "ok": self.ok,
        }

    def require_ok(self) -> Description:
        """The description, or a DataError that shows the first problems."""
        if self.ok:
            return self.description
        first = "\n  ".join(str(problem) for problem in self.errors[:5])
        root = str(self.description.root)
        raise DataError(f"{root!r} has {len(self.errors)} problems; `seglet data check` lists them all:\n  {first}")


def check(
    root: Path,
    masks: Path | None = None,
    classes: Path | None = None,
    rules: Rules = STRICT,
    progress: ProgressCallback | None = None,
) -> Report:
    """Infers layout and classes, pairs files, and decodes every picture and mask that was not decoded before.

    `masks` names the folder of masks when it cannot be inferred, `classes` a file with the class table (see
    `table.read_table`). What was found is remembered in root/.seglet, or in the user's cache if the root is read-only.

    Raises:
        DataError: there is nothing to check: no pictures, or no way to tell the classes. All else is in the report.
    """
    root = root.resolve()
    found = infer(root, masks.resolve() if masks is not None else None)
    items = [item for items in found.splits.values() for item in items]
    requests = [Request(item.image, "image") for item in items]
    requests += [Request(item.mask, "mask") for item in items if item.mask is not None]
    facts = scan(requests, keep_for(root) / MEMORY, rules.max_pixels, progress)
    given = read_table(classes) if classes is not None else None
    reading = decide(found, given, rules, (facts[request] for request in facts if request.role == "mask"))
    classes_of(reading.entries)
    description = Description(
        root, found.layout, reading.entries, found.splits, reading.coding, rules.stray, rules.max_pixels
    )
    report = _report(description, facts, (*found.problems, *reading.problems))
    return replace(report, undecided=any(problem.severity == "error" for problem in reading.problems))


def _report(description: Description, facts: Mapping[Request, Facts], known: tuple[Problem, ...]) -> Report:
    show = _shown_below(description.root)
    of = dict[Item, list[Problem]]()
    for item in dict.fromkeys(item for items in description.splits.values() for item in items):
        of[item] = _judge(item, facts, description, show)
    good = {
        name: tuple(_hashed(item, facts) for item in items if not _has_error(of[item]))
        for name, items in description.splits.items()
    }
    kept = replace(description, splits=good)
    statistics = {name: count(items, kept, facts) for name, items in good.items()}
    problems = [replace(problem, file=show(Path(problem.file))) for problem in known]
    problems += (problem for found in of.values() for problem in found)
    problems += leaks(good, lambda path: facts[Request(path, "image")], show)
    problems += absent_classes(statistics, kept.classes)
    return Report(kept, tuple(problems), statistics)


def _judge(
    item: Item, facts: Mapping[Request, Facts], description: Description, show: Callable[[Path], str]
) -> list[Problem]:
    image = facts[Request(item.image, "image")]
    problems = judge_image(show(item.image), image)
    if item.mask is not None:
        problems += judge_mask(show(item.mask), facts[Request(item.mask, "mask")], image, description)
    return problems


def _has_error(problems: list[Problem]) -> bool:
    return any(problem.severity == "error" for problem in problems)


def _hashed(item: Item, facts: Mapping[Request, Facts]) -> Item:
    mask_hash = facts[Request(item.mask, "mask")].hash if item.mask is not None else ""
    return replace(item, image_hash=facts[Request(item.image, "image")].hash, mask_hash=mask_hash)


def _shown_below(root: Path) -> Callable[[Path], str]:
    return lambda path: path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
