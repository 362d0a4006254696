"""Classes of data among those of a teacher: by name, by well-known synonyms, or as a file says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from seglet.models.class_names import NAME_RULES, same_meaning
from seglet.plain_yaml import PlainLoader
from seglet.types import Classes
from seglet.values import ConfigError, choose_from, fold_spelling


@dataclass(frozen=True)
class SharedClass:
    """A class of the data that the teacher has: its label id, and the places of the teacher's classes that it joins."""

    label: int
    sources: tuple[int, ...]
    synonym: bool = False


@dataclass(frozen=True)
class ClassMatch:
    """Classes of the data among those of a teacher, in the order of their label ids."""

    data: tuple[str, ...]
    teacher: tuple[str, ...]
    shared: tuple[SharedClass, ...]

    @property
    def labels(self) -> tuple[int, ...]:
        """Label ids of the classes that the teacher has."""
        return tuple(found.label for found in self.shared)

    @property
    def same(self) -> bool:
        """True if the teacher has the data's classes in their order, and no others."""
        return [found.sources for found in self.shared] == [(label,) for label in range(len(self.data))] and len(
            self.teacher
        ) == len(self.data)

    def lines(self) -> list[str]:
        """Returns the mapping as lines to print: what each class is taken from, and what is missing on either side."""
        found = {shared.label: shared for shared in self.shared}
        pairs = []
        for label, name in enumerate(self.data):
            if label in found:
                sources = " + ".join(self.teacher[place] for place in found[label].sources)
                pairs.append(f"{name} ← {sources}" + (" (synonym)" if found[label].synonym else ""))
        used = {place for shared in self.shared for place in shared.sources}
        unused = [name for place, name in enumerate(self.teacher) if place not in used]
        lacking = [name for label, name in enumerate(self.data) if label not in found]
        lines = [f"teacher classes: {'; '.join(pairs)}"]
        if lacking:
            lines.append(
                f"the teacher lacks {', '.join(lacking)}: neither these classes nor pixels of them are distilled"
            )
        if unused:
            shown = ", ".join(unused[:10]) + (f" and {len(unused) - 10} more" if len(unused) > 10 else "")
            lines.append(f"not used of the teacher: {shown}")
        return lines


def match_teacher_classes(
    classes: Classes, teacher: Sequence[str], given: Mapping[str, Any] | None = None
) -> ClassMatch:
    """Finds the data's classes among the teacher's names.

    The same name comes first, then the same but for case, blanks, underscores and hyphens, then a well-known synonym.
    A name of the teacher may list alternatives with commas, as ADE20K's do.

    Args:
        given: by class of the data, the teacher's class, a list of classes whose probabilities are added, or None for
            a class that is not distilled; a class of the teacher is its name or its number. Other classes of the data
            are matched by name.

    Raises:
        ConfigError: a class fits several, two classes fit the same one, or fewer than two are shared.
    """
    given = given or {}
    if wrong := [name for name in given if name not in classes.names]:
        raise ConfigError(
            f"teacher_classes: the data have no class {wrong[0]!r}; {choose_from(str(wrong[0]), classes.names)}"
        )
    told = {classes.names.index(name): _places(name, value, teacher) for name, value in given.items()}
    taken = {place for places in told.values() for place in places}
    free = [(place, name) for place, name in enumerate(teacher) if place not in taken]
    shared = [SharedClass(label, places) for label, places in told.items() if places]
    for label, name in enumerate(classes.names):
        if label not in told and (found := _find(label, name, free)) is not None:
            shared.append(found)
    shared = _without_rivals(sorted(shared, key=lambda each: each.label), classes.names, teacher)
    if len(shared) < 2:
        raise ConfigError(
            f"the teacher shares {len(shared)} of the data's classes, expected at least 2; the data's: "
            f"{', '.join(classes.names)}; the teacher's: {', '.join(teacher[:40])}{' …' if len(teacher) > 40 else ''}; "
            "write a file with a line `class: teacher's class` (or its number) for each, and give it as "
            "teacher_classes"
        )
    return ClassMatch(classes.names, tuple(teacher), tuple(shared))


def read_class_mapping(path: str | Path) -> dict[str, Any]:
    """Reads a YAML file with a line `data class: teacher class` for each class; see `match_teacher_classes`.

    Raises:
        ConfigError: the file cannot be read or has another form.
    """
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), PlainLoader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"teacher_classes: {str(path)!r} cannot be read: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise ConfigError(
            f"teacher_classes: expected lines such as `road: road` or `car: [car, truck]` in {str(path)!r}, "
            "the data's class first; write a name that YAML takes for something else in quotes"
        )
    return content


def _places(name: str, value: Any, teacher: Sequence[str]) -> tuple[int, ...]:
    wanted = [] if value is None else value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(_place(name, each, teacher) for each in wanted))


def _place(name: str, wanted: Any, teacher: Sequence[str]) -> int:
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        if not 0 <= wanted < len(teacher):
            raise ConfigError(f"teacher_classes: {name}: expected a number from 0 to {len(teacher) - 1}, got {wanted}")
        return wanted
    found = [place for place, each in enumerate(teacher) if each == wanted]
    found = found or [place for place, each in enumerate(teacher) if fold_spelling(each) == fold_spelling(str(wanted))]
    if len(found) != 1:
        many = "several classes" if found else "no class"
        raise ConfigError(
            f"teacher_classes: {name}: the teacher has {many} {wanted!r}; {choose_from(str(wanted), teacher)}; "
            "or give its number"
        )
    return found[0]


def _find(label: int, name: str, teacher: Sequence[tuple[int, str]]) -> SharedClass | None:
    """Returns the class of the teacher that a class of the data is, by the first rule that finds one."""
    for fits in NAME_RULES:
        found = [place for place, other in teacher if fits(name, other)]
        if len(found) > 1:
            others = ", ".join(f"{other!r} ({place})" for place, other in teacher if place in found)
            raise ConfigError(
                f"the data's class {name!r} may be any of the teacher's {others}; write the right one (or a list, "
                f"whose probabilities are added) into a file, `{name}: …`, and give it as teacher_classes"
            )
        if found:
            return SharedClass(label, (found[0],), synonym=fits is same_meaning)
    return None


def _without_rivals(shared: list[SharedClass], data: Sequence[str], teacher: Sequence[str]) -> list[SharedClass]:
    """Drops synonyms whose class of the teacher another class of the data has by name.

    Raises:
        ConfigError: two classes of the data have the same one by name, or both by synonym.
    """
    named = {place for each in shared if not each.synonym for place in each.sources}
    kept = [each for each in shared if not (each.synonym and each.sources[0] in named)]
    owner: dict[int, int] = {}
    for each in kept:
        for place in each.sources:
            if place in owner:
                raise ConfigError(
                    f"the data's classes {data[owner[place]]!r} and {data[each.label]!r} are both the teacher's "
                    f"{teacher[place]!r}, which can stand for one; decide in teacher_classes, "
                    f"with `{data[each.label]}: null` for a class that is not distilled"
                )
            owner[place] = each.label
    return kept
