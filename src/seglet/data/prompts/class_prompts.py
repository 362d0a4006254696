"""Prompts of a set of classes, and the texts made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from seglet.data.errors import DataError
from seglet.data.spelling import fold_spelling
from seglet.types import Classes
from seglet.values import choose_from

Phrases = tuple[str, ...]
PHRASE_PLACEHOLDER = "{}"


@dataclass(frozen=True)
class ClassPrompts:
    """Templates and phrases from which the texts of each class are made.

    `templates` are sentences with {} for a phrase, `phrases` the synonyms of each class, and `background` words for
    everything else: a region more similar to one of them than to a class is background. `drawn` are the words by which
    a model that generates images is told of a class, where they are not its name.
    """

    templates: Phrases
    phrases: Mapping[str, Phrases]
    background: Phrases
    drawn: Mapping[str, str] = field(default_factory=dict)

    def texts(self, name: str) -> Phrases:
        """Returns every template with every phrase of a class; their embeddings are to be averaged."""
        return self._filled(self.phrases[name])

    def background_texts(self) -> tuple[Phrases, ...]:
        """Returns every template with each background word, grouped by word."""
        return tuple(self._filled((word,)) for word in self.background)

    def _filled(self, phrases: Phrases) -> Phrases:
        return tuple(template.replace(PHRASE_PLACEHOLDER, phrase) for phrase in phrases for template in self.templates)

    def for_classes(self, classes: Classes) -> "ClassPrompts":
        """Returns the prompts of these classes, in their order and by their names, without the background class.

        A class without phrases gets its own name. Background words that are the name or a phrase of a class are left
        out.

        Raises:
            DataError: there are phrases for a class that is not one of these.
        """
        names = {fold_spelling(name): name for name in (*self.phrases, *self.drawn)}
        wanted = [name for label, name in enumerate(classes.names) if label != classes.background]
        strange = [name for key, name in names.items() if key not in {fold_spelling(name) for name in wanted}]
        if strange:
            raise DataError(f"prompts for {strange[0]!r}, which is no class; {choose_from(strange[0], wanted)}")
        written = {fold_spelling(name): phrases for name, phrases in self.phrases.items()}
        drawn = {fold_spelling(name): words for name, words in self.drawn.items()}
        phrases = {name: written.get(fold_spelling(name), (readable_name(name),)) for name in wanted}
        taken = {fold_spelling(word) for name, of_class in phrases.items() for word in (name, *of_class)}
        return ClassPrompts(
            self.templates,
            phrases,
            tuple(word for word in self.background if fold_spelling(word) not in taken),
            {name: drawn[fold_spelling(name)] for name in wanted if fold_spelling(name) in drawn},
        )

    def of_subset(self, classes: Classes) -> "ClassPrompts":
        """Returns the prompts without the classes that are none of these; all of them if none is."""
        wanted = {fold_spelling(name) for name in classes.foreground.values()}
        if not any(fold_spelling(name) in wanted for name in self.phrases):
            return self
        phrases = {name: words for name, words in self.phrases.items() if fold_spelling(name) in wanted}
        drawn = {name: words for name, words in self.drawn.items() if fold_spelling(name) in wanted}
        return ClassPrompts(self.templates, phrases, self.background, drawn)


def readable_name(name: str) -> str:
    """Returns the name of a class in plain words, 'traffic light' for 'traffic_light'."""
    return name.replace("_", " ").strip()
