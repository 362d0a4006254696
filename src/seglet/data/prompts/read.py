"""Reads prompts: published ones from the package, or a user's own from YAML or JSON."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from seglet.data.errors import DataError
from seglet.data.prompts.class_prompts import PHRASE_PLACEHOLDER, ClassPrompts, Phrases
from seglet.data.spelling import fold_spelling
from seglet.data.yaml_loader import DistinctKeysLoader
from seglet.files import read_bytes
from seglet.types import Classes
from seglet.values import choose_from

PUBLISHED_PROMPTS = ("voc", "coco", "world")
_TEMPLATES = ("a clean origami {}.",)  # CLIP-ES, WeCLIP, ExCEL
_KEYS = ("templates", "classes", "background", "drawn")


def published_prompts(name: str) -> ClassPrompts:
    """Returns the prompts that the literature uses for PASCAL VOC or COCO, or those of the embedded world.

    The YAML files in this folder name their sources.

    Raises:
        DataError: there are no prompts of this name.
    """
    if name not in PUBLISHED_PROMPTS:
        raise DataError(f"no published prompts are called {name!r}; {choose_from(name, PUBLISHED_PROMPTS)}")
    return _parsed((files("seglet.data.prompts") / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")


def prompts_for(classes: Classes, source: str | Path = "") -> ClassPrompts:
    """Returns the prompts of these classes, from a file, published under a name, or by default made of their names.

    Background words are VOC's unless the file has its own. Of published prompts, those of other classes are left out.

    Raises:
        DataError: the file cannot be used, or has other classes, or published prompts have none of these.
    """
    if str(source) in ("", *PUBLISHED_PROMPTS):
        prompts = (
            published_prompts(str(source)).of_subset(classes)
            if source
            else ClassPrompts(_TEMPLATES, {}, published_prompts("voc").background)
        )
        return prompts.for_classes(classes)
    return read_prompts(Path(source)).for_classes(classes)


def read_prompts(path: Path) -> ClassPrompts:
    """Reads prompts from a YAML or JSON file; every part is optional.

    `templates` is a list of sentences with one {} each, `classes` a phrase or a list of phrases per class, `background`
    a list of words, `drawn` a phrase per class for the model that generates images. JSON is valid YAML, so one parser
    reads both.

    Raises:
        DataError: the file is neither, or has an unknown key, a template without {}, an empty or repeated phrase, or a
            phrase that stands for two classes.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"prompts {str(path)!r} are not UTF-8 text; save them as UTF-8") from error
    return _parsed(text, str(path))


def _parsed(text: str, file: str) -> ClassPrompts:
    try:
        content = yaml.load(text, DistinctKeysLoader)
        if not isinstance(content, dict):
            raise DataError(f"it must have some of the keys {', '.join(_KEYS)}")
        if unknown := [key for key in content if key not in _KEYS]:
            raise DataError(f"unknown key {unknown[0]!r}; {choose_from(str(unknown[0]), _KEYS)}")
        templates = _phrases("templates", content.get("templates") or list(_TEMPLATES))
        phrases = _classes("classes", content.get("classes") or {})
        drawn = {name: words[0] for name, words in _classes("drawn", content.get("drawn") or {}).items()}
        background = content.get("background")
        words = (
            published_prompts("voc").background
            if background is None
            else _phrases("background", background, empty=True)
        )
    except yaml.YAMLError as error:
        raise DataError(
            f"prompts {file!r} are not YAML ({error}); quote texts that have {PHRASE_PLACEHOLDER} in them"
        ) from error
    except (RecursionError, ValueError) as error:
        raise DataError(f"prompts {file!r}: {error}") from error
    _check(templates, phrases, words if background is not None else (), file)
    return ClassPrompts(templates, phrases, words, drawn)


def _classes(key: str, content: Any) -> dict[str, Phrases]:
    if not isinstance(content, dict):
        raise DataError(f"`{key}` is {content!r}; write `name: phrase` or `name: [phrase, phrase]` for each class")
    found: dict[str, Phrases] = {}
    for name, phrases in content.items():
        if not isinstance(name, str):
            raise DataError(f"class {name!r} is not text; write it in quotes")
        found[name] = _phrases(f"class {name!r}", phrases)
    return found


def _phrases(what: str, content: Any, empty: bool = False) -> Phrases:
    phrases = [content] if isinstance(content, str) else content
    if not isinstance(phrases, list) or not (phrases or empty):
        raise DataError(f"{what}: expected a text or a list of texts, got {content!r}")
    for phrase in phrases:
        if not isinstance(phrase, str) or not phrase.strip():
            raise DataError(f"{what}: {phrase!r} is no text; YAML reads words such as no and 3 otherwise: quote them")
    if twice := _repeated(phrases):
        raise DataError(f"{what}: {twice!r} is listed twice; keep one of them")
    return tuple(phrase.strip() for phrase in phrases)


def _check(templates: Phrases, phrases: Mapping[str, Phrases], background: Phrases, file: str) -> None:
    wrong = next((template for template in templates if template.count(PHRASE_PLACEHOLDER) != 1), None)
    if wrong is not None:
        raise DataError(f"prompts {file!r}: template {wrong!r} needs one {PHRASE_PLACEHOLDER}, where the phrase goes")
    if twice := _repeated(phrases):
        raise DataError(f"prompts {file!r}: class {twice!r} stands there in two spellings; keep one of them")
    of: dict[str, str] = {}
    for name, word in ((name, word) for name, words in phrases.items() for word in words):
        if of.setdefault(fold_spelling(word), name) != name:
            raise DataError(f"prompts {file!r}: {word!r} is of {of[fold_spelling(word)]!r} and of {name!r}; choose one")
    names = of | {fold_spelling(name): name for name in phrases}
    if both := [word for word in background if fold_spelling(word) in names]:
        of_class = names[fold_spelling(both[0])]
        raise DataError(f"prompts {file!r}: background word {both[0]!r} is class {of_class!r} too; remove one of them")


def _repeated(phrases: Iterable[str]) -> str | None:
    """Returns the first phrase that occurs twice in any spelling, or None."""
    found: set[str] = set()
    for phrase in phrases:
        if fold_spelling(phrase) in found:
            return phrase
        found.add(fold_spelling(phrase))
    return None
