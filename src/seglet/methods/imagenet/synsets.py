"""ImageNet's 1000 classes by their names, and by those of their ancestors in WordNet 3.0."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from seglet.values import fold_spelling, nearest_names


@dataclass(frozen=True)
class Synset:
    """Words of one meaning, and the ImageNet classes that are it or lie below it, counted from 0."""

    words: tuple[str, ...]
    classes: tuple[int, ...]

    @property
    def name(self) -> str:
        """All its words, as WordNet lists them."""
        return ", ".join(self.words)


def imagenet_synsets() -> tuple[Synset, ...]:
    """Returns ImageNet's classes in their order, then their ancestors."""
    classes = [Synset(_words(line), (number,)) for number, line in enumerate(_lines("classes.txt"))]
    ancestors = [line.rpartition(": ") for line in _lines("ancestors.txt")]
    return (*classes, *(Synset(_words(names), tuple(_numbers(places))) for names, _, places in ancestors))


def meanings(name: str, synsets: Sequence[Synset]) -> list[Synset]:
    """Returns the synsets with this word in any spelling, also as a plural, the likeliest first.

    A synset that has the word itself goes before one that has its plural, then one that begins with it before one
    that lists it later, then one with more classes.
    """
    found = []
    for synset in synsets:
        words = [fold_spelling(word) for word in synset.words]
        for plural, word in enumerate((fold_spelling(name), fold_spelling(name) + "s")):
            if word in words:
                found.append(((plural, words.index(word) > 0, -len(synset.classes)), synset))
                break
    return [synset for _, synset in sorted(found, key=lambda pair: pair[0])]


def similar_words(name: str, synsets: Sequence[Synset]) -> list[str]:
    """Returns up to three words of synsets that are spelled much like a name."""
    return nearest_names(name, dict.fromkeys(word for synset in synsets for word in synset.words), 3)


def _words(line: str) -> tuple[str, ...]:
    return tuple(line.split(", "))


def _numbers(places: str) -> Iterator[int]:
    """Yields the numbers of ranges such as `7-24 80`."""
    for part in places.split():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _lines(name: str) -> list[str]:
    text = (files("seglet.methods.imagenet") / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
