"""Groups of ImageNet's classes that stand for the classes of a data set: by name, by WordNet, or as a file says."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from seglet.data.errors import DataError
from seglet.data.yaml_loader import DistinctKeysLoader
from seglet.files import read_bytes
from seglet.methods.imagenet.similar import most_similar
from seglet.methods.imagenet.synsets import Synset, imagenet_synsets, meanings, similar_words
from seglet.types import Classes
from seglet.values import ConfigError, choose_from, fold_spelling

PUBLISHED_GROUPS = ("voc",)
"""Names of the groups that come with seglet."""

_SHOWN = 4
"""Number of ImageNet classes that a note names."""


@dataclass(frozen=True)
class ClassGroup:
    """ImageNet classes that stand for a class, counted from 0; none if there are none. `source` says why these."""

    name: str
    members: tuple[int, ...]
    source: str


def class_groups(classes: Classes, source: str, encoder: str = "") -> tuple[ClassGroup, ...]:
    """Returns the group of each class but the background, in their order; a class that maps to nothing has none.

    Args:
        classes: the classes.
        source: one of `PUBLISHED_GROUPS`, a YAML file with a list of ImageNet classes or WordNet ancestors for each
            class, or nothing. A class that it does not have is looked up by its own name.
        encoder: text encoder that chooses those of classes without any, by the similarity of names; empty: none.

    Raises:
        ConfigError: the file cannot be used, or no class maps to anything.
        ValueError: the encoder is not available.
    """
    synsets, wanted = imagenet_synsets(), list(classes.foreground.values())
    listed = _listed_groups(source, wanted) if source else {}
    groups = tuple(
        _from_list(name, listed[fold_spelling(name)], synsets, source)
        if fold_spelling(name) in listed
        else _by_name(name, synsets)
        for name in wanted
    )
    if encoder:
        groups = _completed(groups, set(listed), synsets, encoder)
    if not any(group.members for group in groups):
        raise ConfigError(
            f"ImageNet has none of the classes {', '.join(wanted)}; say which of its classes stand for them in a YAML "
            "file, `groups: FILE`, with lines such as `cow: [ox, bison]`"
        )
    return groups


def group_notes(groups: Sequence[ClassGroup]) -> list[str]:
    """Returns one line for each class: the ImageNet classes that stand for it, or that there are none."""
    synsets = imagenet_synsets()
    notes = []
    for group in groups:
        if not group.members:
            notes.append(
                f"class {group.name!r}: ImageNet has no class of this name, so it gets no mask; {group.source}"
            )
            continue
        words = [synsets[member].words[0] for member in group.members[:_SHOWN]]
        more = f" and {len(group.members) - _SHOWN} more" if len(group.members) > _SHOWN else ""
        notes.append(f"class {group.name!r}: {', '.join(words)}{more} ({group.source})")
    return notes


def _by_name(name: str, synsets: Sequence[Synset]) -> ClassGroup:
    found = meanings(name, synsets)
    if not found:
        near = similar_words(name, synsets)
        spelled = f"; spelled alike: {', '.join(near)}" if near else ""
        return ClassGroup(name, (), f"name some that stand for it with `groups: FILE` (YAML, `{name}: […]`){spelled}")
    others = f"; not {' or '.join(repr(other.name) for other in found[1:3])}" if len(found) > 1 else ""
    return ClassGroup(name, found[0].classes, f"WordNet's {found[0].name!r}{others}")


def _completed(
    groups: Sequence[ClassGroup], listed: Container[str], synsets: Sequence[Synset], encoder: str
) -> tuple[ClassGroup, ...]:
    """Returns the groups, with those that nobody listed and that are empty filled by similar names."""
    empty = [group.name for group in groups if not group.members and fold_spelling(group.name) not in listed]
    similar = dict(zip(empty, most_similar(empty, synsets, encoder) if empty else (), strict=True))
    return tuple(
        _from_similar(group.name, similar[group.name]) if similar.get(group.name) else group for group in groups
    )


def _from_similar(name: str, found: Sequence[tuple[Synset, float]]) -> ClassGroup:
    words = ", ".join(dict.fromkeys(synset.words[0] for synset, _ in found))
    members = sorted({member for synset, _ in found for member in synset.classes})
    source = f"similar names, cosine {found[0][1]:.2f}; correct `{name}: [{words}]` with `groups: FILE`"
    return ClassGroup(name, tuple(members), source)


def _from_list(name: str, words: Sequence[str], synsets: Sequence[Synset], source: str) -> ClassGroup:
    members: set[int] = set()
    for word in words:
        found = meanings(word, synsets)
        if not found:
            raise ConfigError(
                f"groups {source!r}: {word!r} of class {name!r} is no class of ImageNet and no ancestor of one in "
                f"WordNet; {choose_from(word, similar_words(word, synsets))}"
            )
        members |= set(found[0].classes)
    return ClassGroup(name, tuple(sorted(members)), f"groups {source!r}" if words else f"left out by {source!r}")


def _listed_groups(source: str, wanted: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Returns the entries of each listed class, by its folded name."""
    published = source in PUBLISHED_GROUPS
    try:
        if published:
            text = (files("seglet.methods.imagenet") / f"{source}.yaml").read_text(encoding="utf-8")
        else:
            text = read_bytes(Path(source)).decode("utf-8-sig")
        content = yaml.load(text, DistinctKeysLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, DataError) as error:
        raise ConfigError(f"groups {source!r} cannot be read ({error}); give voc or a YAML file") from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"groups {source!r}: expected lines such as `cat: [tabby, tiger cat]`")
    known = {fold_spelling(name) for name in wanted}
    strange = [str(name) for name in content if fold_spelling(str(name)) not in known]
    if strange and not published:
        raise ConfigError(f"groups {source!r}: {strange[0]!r} is no class; {choose_from(strange[0], wanted)}")
    return {fold_spelling(str(name)): _entries(str(name), words, source) for name, words in content.items()}


def _entries(name: str, words: Any, source: str) -> tuple[str, ...]:
    entries = [words] if isinstance(words, str) else words
    if not isinstance(entries, list) or not all(isinstance(word, str) for word in entries):
        raise ConfigError(f"groups {source!r}: expected a list of ImageNet classes for {name!r}, got {words!r}")
    return tuple(entries)
