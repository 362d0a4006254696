"""Cleaning of generated captions: prompts are removed, and captions without content are found."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_COMMON = 3
"""Number of most frequent captions that are reported."""


def strip_prompt(text: str, prompt: str) -> str:
    """Returns a generated caption without its prompt, which some networks repeat in front, at times more than once.

    Capitals, blanks and punctuation do not matter: tokenizers change them. Empty if nothing is left that has a letter
    or a digit (BLIP-2 writes such captions for some images: LAVIS #132, #697).
    """
    rest, key = text, _plain(prompt)
    while key and _plain(rest).startswith(key):
        shorter = _after(rest, key)
        if shorter is None:
            break
        rest = shorter
    return " ".join(rest.split()).lstrip(",.;: ").rstrip() if _plain(rest) else ""


def _after(text: str, key: str) -> str | None:
    """Returns the text after the words that spell `key`; None if `key` ends within a word."""
    spelt = 0
    for place, letter in enumerate(text):
        if spelt == len(key):
            return None if letter.isalnum() else text[place:]
        spelt += len(_plain(letter))
    return ""


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def fill_empty_captions(captions: Sequence[str], neutral: str) -> tuple[str, ...]:
    """Replaces empty captions of one image by its first caption that is not empty, else by `neutral`.

    Raises:
        ValueError: `neutral` is empty.
    """
    if not neutral.strip():
        raise ValueError("expected a sentence for images that no caption was found for, got none")
    spare = next((caption for caption in captions if caption), neutral)
    return tuple(caption or spare for caption in captions)


def is_junk(caption: str) -> bool:
    """Checks whether a caption repeats itself instead of saying something.

    At most half of its four or more words differ, or none of its words has three letters. An empty caption is not junk.
    """
    words = re.findall(r"\w+", caption.casefold())
    return bool(words) and (2 * len(set(words)) <= len(words) >= 4 or max(map(len, words)) < 3)


@dataclass(frozen=True)
class CaptionCensus:
    """Counts of the captions of many images."""

    images: int
    captions: int
    empty: int
    silent: int
    """Number of images all of whose captions are empty."""
    junk: int
    common: tuple[tuple[str, int], ...]
    """The most frequent captions that several images share, each with its number of images."""

    def __str__(self) -> str:
        shared = "".join(f"; {count} times {text!r}" for text, count in self.common)
        return (
            f"{self.captions} captions of {self.images} images: {self.empty} empty, {self.junk} junk; "
            f"{self.silent} images without any{shared}"
        )


def count_captions(captions: Sequence[Sequence[str]]) -> CaptionCensus:
    """Counts the captions of many images, one sequence for each."""
    texts = [text for some in captions for text in some]
    shared = Counter(text for some in captions for text in set(some) if text).most_common(_COMMON)
    return CaptionCensus(
        images=len(captions),
        captions=len(texts),
        empty=sum(not text.strip() for text in texts),
        silent=sum(not any(text.strip() for text in some) for some in captions),
        junk=sum(map(is_junk, texts)),
        common=tuple((text, count) for text, count in shared if count > 1),
    )
